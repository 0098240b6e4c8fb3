// Package health decides what becomes of devices that fail or run hot.
//
//   - [Machine] is the state of a device. It takes events with their time, and
//     decides when the device is tried again. It has no clock of its own.
//   - [Limits] are a temperature and a power above which a device must rest.
//   - [Hooks] are commands that a [Runner] runs on events.
package health
