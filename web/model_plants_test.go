package web_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"bellhop/web"
)

var modelPlants = flag.Int("model.plants", 0, "how many sequences TestModelFinds plays, at most, until it finds a mistake")

// A plant is a planted mistake: pairs of a text in one of the client's files
// and its replacement.
type plant struct {
	name, file string
	changes    []string
}

var plants = []plant{
	{"a place that was left while the line was cut is kept", "bellhop.js", []string{
		"if (this.#resumeToken) await this.connect(); // which resumes", "",
	}},
	{"a page that wakes does not ask whether its line is dead", "bellhop.js", []string{
		"this.#line?.probe(WAKE_PROBE_MS);\n    this.#pauses.end();", "this.#pauses.end();",
	}},
	{"what does not fit is not made up for by a renewal", "bellhop.js", []string{
		"if (this.#resumeToken && !this.#leaving) this.#renewals.request();", "",
	}},
	{"a join that API Gateway throttles hangs", "line.js", []string{
		"else call.resendTimer = setTimeout(() => this.#sendCall(call), backoff(call.tries));",
		"else if (call.action !== \"join_lobby\") call.resendTimer = setTimeout(() => this.#sendCall(call), backoff(call.tries));",
		"call.timer = setTimeout(() => this.#check(call), ms);", "", // a check would send it again
	}},
	{"a star keeps its old links when its host changes", "lobby.js", []string{
		"if (lobby.#state.info.topology === \"star\") lobby.#retire((peer) => peer.peerId !== peer_id, before);", "",
	}},
	{"a description that was lost is not sent again", "lobby.js", []string{"lobby.#players.repeat();", ""}},
	{"any error gives a place up", "bellhop.js", []string{
		"        if (error.code === \"resume_failed\") this.#loseSlot(\"resume_failed\", { error });",
		"        this.#loseSlot(\"resume_failed\", { error });",
	}},
}

// apply returns the changed files.
func (p plant) apply(t *testing.T) map[string]string {
	t.Helper()
	if p.file == "" {
		return nil
	}
	data, err := web.Client.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for change := range slices.Chunk(p.changes, 2) {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("%s no longer has, once, what %q changes:\n%s", p.file, p.name, change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	return map[string]string{p.file: text}
}

// TestModelFinds checks that each mistake can be planted in the client. With
// -model.plants, it checks that the model finds each.
func TestModelFinds(t *testing.T) {
	for _, p := range plants {
		t.Run(p.name, func(t *testing.T) {
			m := newModel(t, 0, p)
			if *modelPlants == 0 {
				return // it can be planted; to find it takes minutes
			}
			if found := m.play(cmp.Or(*modelSeed, rand.Uint64N(1<<40)), *modelPlants, 1); len(found) == 0 {
				t.Errorf("%d sequences do not find it", *modelPlants)
			} else {
				t.Log(fmt.Sprintf("seed %d finds it: ", found[0].seed) + strings.Join(found[0].wrong, "; "))
			}
		})
	}
}
