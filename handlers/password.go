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

	"bellhop/store"
)

// Passwords are hashed by Argon2id with 7 MiB and five passes, one of the settings that OWASP's "Password Storage Cheat
// Sheet" takes for equal. That is some 17 ms of a whole core, and 120 ms of a Lambda function with 256 MB.
const (
	argonKiB    = 7 << 10
	argonPasses = 5
)

// hashing bounds how many passwords are hashed at once, so that guesses leave cores to those who play.
var hashing = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// hashTime is how long somebody waits for that, before they are told to try again.
const hashTime = time.Second

// hashPassword returns what is stored of a password: a salt and the hash. Of none, which is "", it is "".
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

// Wrong passwords of all who try at one lobby, in one process: as many at once, and a second.
const (
	passwordBurst = 50
	passwordRate  = 10
)

// passwordTries names the bucket of the wrong passwords tried at the lobby at key.
func passwordTries(key store.Key) string { return "password of " + string(key) }

// prove returns nil if password is that whose hash is stored with the lobby at key, else store.ErrWrongPassword, or that too
// many wrong ones have been tried. A wrong one costs its sender what a guess costs. The right one passes however many have
// guessed: only a hash that there is no room for is refused, before anybody knows whether the password is right.
func (h *Handler) prove(ctx context.Context, req *request, key store.Key, hash, password string) error {
	if password == "" {
		return store.ErrWrongPassword
	}
	salt, _, _ := strings.Cut(hash, ".")
	is, err := saltedHash(ctx, password, salt)
	switch {
	case err != nil:
		return err
	case subtle.ConstantTimeCompare([]byte(is), []byte(hash)) != 1:
		tries := h.sessions.of(passwordTries(key))
		if wait := tries.spend(req.now, passwordRate, passwordBurst); wait > 0 {
			return h.guessed(req, tooFast(wait))
		}
		return h.guessed(req, store.ErrWrongPassword)
	}
	return nil
}
