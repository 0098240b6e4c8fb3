// Package words says in English and Chinese what a record does, which state a thing is
// in, what a party may do and until when, or else why not. Pages, API and command line
// take their sentences from here, so that they say the same.
//
// # Main types
//
//   - [Catalog] has the sentences of a [Language]; [In] returns one.
//   - [Action] is a record that a party may write, or may not: [ActionOf] makes one of
//     what the rules say.
//   - [Clock] is the median time that the rules go by, and the length of a day.
//
// # Caveats
//
// A sentence names parties by their parts and never by their keys. It can contain a
// serial number, which is text from outside: whoever writes HTML escapes it.
//
// A sentence that a catalogue lacks is shown by its key. Tests check that none is
// missing, so this happens only to words that this program does not know.
package words
