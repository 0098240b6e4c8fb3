// Package keyfile encrypts a signing key with a passphrase, in a text of its own.
//
// The text has two lines with the format and the public key, and then the secret
// in the form of age (https://age-encryption.org/v1, armored), its key derived
// from the passphrase by scrypt. So [PublicKey] needs no passphrase, and other
// programs can decrypt the secret:
//
//	sed 1,2d NAME.key | age -d | xxd -p -c 32
//
// [Encrypt] writes a text and [Decrypt] reads it. Package keystore keeps such
// texts in files.
//
// # Caveats
//
// Whoever has the text and guesses the passphrase has the key. If either is lost,
// the key cannot be recovered. No error has a secret in it.
package keyfile
