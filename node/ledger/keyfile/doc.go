// Package keyfile keeps signing keys in files, encrypted with a passphrase.
//
// A [Folder] has one file for each key, NAME.key with mode 0600: two lines of
// text with the format and the public key, and then the secret in the form of
// age (https://age-encryption.org/v1, armored), its key derived from the
// passphrase by scrypt. So public keys can be listed without a passphrase, and
// without this program the secret comes out with
//
//	sed 1,2d NAME.key | age -d | xxd -p -c 32
//
// # Caveats
//
// Who has the file and guesses the passphrase has the key. Who loses either has
// lost it: nobody can make it anew. Files that others can read are not used
// until that is mended. No error and no log has a secret in it.
package keyfile
