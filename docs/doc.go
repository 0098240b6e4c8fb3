// Package docs holds the documents of the project. It has no code of its own:
// its tests hold the documents against the source.
package docs
