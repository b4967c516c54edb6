// Package simulation plays whole handlers against a model of the rules: see
// README.md.
package simulation
