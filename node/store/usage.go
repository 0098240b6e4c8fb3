package store

// Usage is what a store takes of its machine. Counts start when the database is
// opened, which may be again after the disk has failed.
type Usage struct {
	Bytes       uint64 // of its files
	Free        uint64 // bytes that are left on its disk; 0: not known, or none
	Compactions uint64
	Flushes     uint64 // of memory to files
	Debt        uint64 // bytes that are still to be compacted, an estimate
	CacheHits   uint64 // of blocks of files
	CacheMisses uint64
}

// Usage returns what the store takes of its machine. It reads no entries.
// The error is that of a read.
func (s *Store) Usage() (u Usage, err error) {
	d, err := s.acquire(false)
	if err != nil {
		return Usage{}, err
	}
	defer s.release(d)
	defer catch(&err)
	m := d.Metrics()
	if disk, err := s.fs.GetDiskUsage(s.dir); err == nil {
		u.Free = disk.AvailBytes
	}
	u.Bytes = m.DiskSpaceUsage()
	u.Compactions, u.Flushes = uint64(m.Compact.Count), uint64(m.Flush.Count)
	u.Debt = m.Compact.EstimatedDebt
	u.CacheHits, u.CacheMisses = uint64(m.BlockCache.Hits), uint64(m.BlockCache.Misses)
	return u, nil
}
