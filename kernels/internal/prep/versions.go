package prep

import "encoding/binary"

// VersionJob is the search over the nonces of a header in several versions.
//
// The version is in the first block of a header, the nonce in the second. So the
// versions share the message schedule of the second block, which is computed once
// for each nonce instead of once for each nonce and version. A VersionJob is
// immutable.
type VersionJob struct{ jobs []Job }

// NewVersions prepares the search over the nonces of an encoded header with each of
// the versions, as New does for one. The header's own version and nonce are ignored.
// It panics without a version.
func NewVersions(header *[80]byte, versions []uint32, top uint32) *VersionJob {
	if len(versions) == 0 {
		panic("prep: a search without a version")
	}
	jobs := make([]Job, len(versions))
	h := *header
	for i, v := range versions {
		binary.LittleEndian.PutUint32(h[:], v)
		jobs[i] = *New(&h, top)
	}
	return &VersionJob{jobs}
}

// Jobs returns the job of each version, in the order of the versions. They differ
// only in what depends on the first block: KW16, KW17, Top, Tail and the parts of
// schedule words are the same in all.
func (j *VersionJob) Jobs() []Job { return j.jobs }
