// Package fields encodes and decodes the fields of records and of entries of the
// state. A type lists its fields once, for both directions, in a function of a
// [Coder]:
//
//	func (p *ClaimAnswer) layout(f *fields.Coder) {
//		f.Uint32((*uint32)(&p.Time))
//		fields.Hash(f, &p.Claim)
//		f.Flag(&p.Accept)
//	}
//
// Integers are little-endian. [Words] are the names of a field that is one of a
// few choices.
//
// # Caveats
//
// There is one encoding for a value: a layout has to call [Coder.Require] or
// [Coder.Fail] for bytes that are never written.
package fields
