// Package e2e tests whole programs. It replays the conversations of testdata in
// memory, over sockets, through the built function, and in sam local.
package e2e
