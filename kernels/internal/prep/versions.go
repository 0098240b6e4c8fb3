package prep

import "encoding/binary"

// VersionJob is the search over the nonces of a header in several versions.
//
// The version is in the first block of a header, the nonce in the second. So the
// versions share the message schedule of the second block, which is computed once
// for each nonce instead of once for each nonce and version. A VersionJob is
// immutable.
type VersionJob struct {
	ring []Job // the last VersionLead jobs, then all jobs, in the order of the versions
}

// VersionLead is the number of jobs in memory before the first one. They are copies
// of the last ones: a kernel that has several items in flight goes from the last
// version of a group of nonces straight to the first version of the next group, and
// finds the job of an earlier item so many bytes back, also across that edge.
const VersionLead = 3

// NewVersions prepares the search over the nonces of an encoded header with each of
// the versions, as New does for one. The header's own version and nonce are ignored.
// It panics without a version.
func NewVersions(header *[80]byte, versions []uint32, top uint32) *VersionJob {
	if len(versions) == 0 {
		panic("prep: a search without a version")
	}
	n := len(versions)
	j := &VersionJob{make([]Job, VersionLead+n)}
	h := *header
	for i, v := range versions {
		binary.LittleEndian.PutUint32(h[:], v)
		j.ring[VersionLead+i] = *New(&h, top)
	}
	for i := VersionLead - 1; i >= 0; i-- {
		j.ring[i] = j.ring[i+n]
	}
	return j
}

// Jobs returns the job of each version, in the order of the versions. They differ
// only in what depends on the first block: the schedule words, KW16, KW17, Top and
// Tail are those of all. They lie one after the other in memory, without gaps, and
// VersionLead jobs come before the first one.
func (j *VersionJob) Jobs() []Job { return j.ring[VersionLead:] }
