// Package health watches over devices.
//
//   - [Machine] says what state a device is in, and what is to be done about it.
//     It is told what happens and when, and has no clock of its own.
//   - [Limits] are a temperature and a power above which a device has to rest.
//   - [Hooks] are commands that are run when something happens, by a [Runner].
package health
