// Package docs holds the documents of the project. It has no code of its own:
// its tests compare the documents with the source.
package docs
