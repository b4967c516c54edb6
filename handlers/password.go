package handlers

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"bellhop/lobby"
)

// Passwords are hashed with Argon2id, 7 MiB and five passes, one of the
// settings that OWASP's "Password Storage Cheat Sheet" rates as equal. That
// takes about 17 ms of a whole core, and 120 ms of a Lambda function with 256
// MB.
const (
	argonKiB    = 7 << 10
	argonPasses = 5
)

// hashing limits how many passwords are hashed at the same time, so that
// guesses leave cores to players.
var hashing = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// hashTime is how long a sender waits for that before it gets an error that
// says when to try again.
const hashTime = time.Second

// hashPassword returns a salt and the hash of password, or "" if there is none.
func hashPassword(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", nil
	}
	var salt [16]byte
	rand.Read(salt[:])
	return saltedHash(ctx, password, base64.RawURLEncoding.EncodeToString(salt[:]))
}

func saltedHash(ctx context.Context, password, salt string) (string, error) {
	wait := time.NewTimer(hashTime)
	defer wait.Stop()
	select {
	case hashing <- struct{}{}:
	case <-wait.C:
		return "", tooFast(busyRetry)
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-hashing }()
	sum := argon2.IDKey([]byte(password), []byte(salt), argonPasses, argonKiB, 1, 32)
	return salt + "." + base64.RawURLEncoding.EncodeToString(sum), nil
}

// The number of wrong passwords for one lobby, from everybody together, in one
// process: at once, and a second.
const (
	passwordBurst = 50
	passwordRate  = 10
)

// passwordTries returns the bucket for wrong passwords of the lobby at key.
func (h *Handler) passwordTries(key lobby.Key) *limiter {
	if l := h.wrongPasswords.find(string(key)); l != nil {
		return l
	}
	l := new(limiter)
	l.fill(passwordRate, passwordBurst)
	return h.wrongPasswords.add(string(key), l)
}

// prove returns nil if password matches hash, the stored hash of the lobby at
// key. Otherwise it returns lobby.ErrWrongPassword or, after too many wrong
// ones, an error that says when to try again. A wrong password costs its sender
// as much as a guess.
//
// The right password passes however many have guessed. Only a check that the
// process has no room for is refused, before anybody knows whether the password
// is right.
func (h *Handler) prove(ctx context.Context, req *action, key lobby.Key, hash, password string) error {
	if password == "" {
		return lobby.ErrWrongPassword
	}
	salt, _, _ := strings.Cut(hash, ".")
	is, err := saltedHash(ctx, password, salt)
	switch {
	case err != nil:
		return err
	case subtle.ConstantTimeCompare([]byte(is), []byte(hash)) != 1:
		if wait := h.passwordTries(key).spend(req.now); wait > 0 {
			return h.guessed(req, tooFast(wait))
		}
		return h.guessed(req, lobby.ErrWrongPassword)
	}
	return nil
}
