package block

import (
	"errors"
	"fmt"
	"sync"

	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// WitnessRoot returns the Merkle root of the full hashes of all records but the
// first, which is the coinbase. It is the zero hash if there are none.
func WitnessRoot(records []*record.Record) pow.Hash {
	if len(records) < 2 {
		return pow.Hash{}
	}
	hashes := make([]pow.Hash, len(records)-1)
	for i, r := range records[1:] {
		hashes[i] = r.FullHash()
	}
	root, _ := pow.MerkleRoot(hashes) // a repeated record has a repeated id, too
	return root
}

// Check applies all rules that need only the block, except signatures. The error is
// the first rule that is broken; if that is one of a record, the text says which
// record.
//
// First comes the proof of work, so that it costs something to have the rest
// checked; then whether the body is the one that the header commits to, and
// only then whether that body is valid. Any reason for which
// [reject.Reason.BodyMismatch] is false is therefore a verdict about the hash.
//
// A block that passed is checked again for other parameters only. P must not be modified
// afterwards.
func (b *Block) Check(p *network.Params) error {
	if b.raw != nil && b.checked.Load() == p {
		return nil
	}
	if err := b.check(p); err != nil {
		return err
	}
	b.checked.Store(p)
	return nil
}

func (b *Block) check(p *network.Params) error {
	if err := CheckHeader(b.Header, p); err != nil {
		return err
	}
	// The records are checked beside the commitments, whose verdict comes first.
	var fault error
	var beside sync.WaitGroup
	beside.Go(func() { fault = b.checkRecords(p.ID) })
	err := b.checkCommitments()
	beside.Wait()
	switch {
	case err != nil:
		return err
	case b.Size() > p.MaxBlockSize:
		return reject.New(reject.BlockTooLarge, "%d bytes, must be at most %d", b.Size(), p.MaxBlockSize)
	}
	return fault
}

// checkRecords checks what each record shows by itself, and that only the first is a
// coinbase.
func (b *Block) checkRecords(network uint32) error {
	for i, r := range b.Records {
		if i > 0 && r.Type() == record.TypeCoinbase {
			return reject.New(reject.MisplacedCoinbase, "record %d of the block is a coinbase, only the first may be one", i)
		}
		if err := r.Check(network); err != nil {
			return fmt.Errorf("record %d of the block: %w", i, err)
		}
	}
	return nil
}

// CheckHeader checks the proof of work alone: that nBits are a target within the
// limit of the network, and that the hash of the header meets it.
//
// Reasons: [reject.BadBits], [reject.HighHash].
func CheckHeader(h pow.Header, p *network.Params) error {
	err := h.CheckProofOfWork(p.Pow.PowLimit)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pow.ErrHighHash):
		return reject.New(reject.HighHash, "the hash %v is above the target of nBits %v", h.Hash(), h.Bits)
	default:
		return reject.New(reject.BadBits, "nBits %v: %v", h.Bits, err)
	}
}

// checkCommitments checks that the records are those that the header commits
// to, with their signatures, and that the first is a coinbase, where half of
// the commitment is.
func (b *Block) checkCommitments() error {
	// The two trees are computed in parallel: they are most of the work.
	var witness pow.Hash
	var other sync.WaitGroup
	other.Go(func() { witness = WitnessRoot(b.Records) })
	root, mutated := pow.MerkleRoot(b.IDs())
	other.Wait()
	switch {
	case root != b.Header.MerkleRoot:
		return reject.New(reject.BadMerkleRoot, "the Merkle root of the records is %v, that of the header %v", root, b.Header.MerkleRoot)
	case mutated:
		return reject.New(reject.MerkleTwin, "records at the end are repeated, which does not change the Merkle root (CVE-2012-2459)")
	case len(b.Records) == 0:
		return reject.New(reject.NoCoinbase, "the block has no records, must have a coinbase")
	}
	first := b.Records[0]
	coinbase, ok := first.Payload.(record.Coinbase)
	if !ok {
		return reject.New(reject.NoCoinbase, "the first record is %v, must be the coinbase", first.Type())
	}
	if n := len(first.Signatures); n > 0 {
		return reject.New(reject.BadWitnessRoot, "the coinbase has %d signatures, nothing commits to them", n)
	}
	if witness != coinbase.Witness {
		return reject.New(reject.BadWitnessRoot, "the root of the records with their signatures is %v, the coinbase names %v", witness, coinbase.Witness)
	}
	return nil
}
