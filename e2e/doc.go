// Package e2e tests whole programs: the conversations of testdata are replayed
// in memory, over sockets, through the built function, and in sam local.
package e2e
