// Package keystore keeps signing keys in files, encrypted with a passphrase.
//
// A [Folder] has one file for each key, NAME.key with mode 0600. Package keyfile
// defines what is in the file.
//
// # Caveats
//
// A file that others can read is not used until its mode is fixed. No error and
// no log has a secret in it.
package keystore
