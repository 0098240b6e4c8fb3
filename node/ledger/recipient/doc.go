// Package recipient keeps the name and address of a parcel's recipient off the
// chain, and still lets everybody prove what was agreed.
//
// On the chain is only a [Commitment]: the hash of a random salt and of the
// recipient's data. The data themselves travel as a blob that is sealed to the
// carrier by HPKE (RFC 9180). A carrier that hands the parcel on seals them
// again for the next one; the commitment stays, so a changed address is proved
// by whoever still has the salt.
//
// # Main types
//
//   - [Secret] is a salt with the recipient's data; its [Commitment] is public.
//   - [PrivateKey] and [PublicKey] are a carrier's keys for sealed blobs. A
//     [Notice], signed with the carrier's record key, publishes the public one.
//   - A pick-up key is a signing key for one parcel: see [PickupHash].
//
// # Caveats
//
// The blob is for storage that forgets ([stele/node/blobs]), never for a
// record: whoever steals a carrier's key can read every blob that is still kept. A
// blob reveals the length of the data only in steps of 256 bytes.
//
// The package has no protection against a carrier that passes on what it has read.
package recipient
