package apigateway

import (
	"sync"

	"bellhop/internal/sharded"
)

// networks counts the connections from each network.
type networks struct {
	parts sharded.Parts[struct {
		sync.Mutex
		of map[string]int
	}]
}

// enter counts a connection, unless there are most already.
func (n *networks) enter(name string, most int) bool {
	part := n.parts.Of(name)
	part.Lock()
	defer part.Unlock()
	if part.of == nil {
		part.of = map[string]int{}
	}
	if part.of[name] >= most {
		return false
	}
	part.of[name]++
	return true
}

func (n *networks) leave(name string) {
	part := n.parts.Of(name)
	part.Lock()
	defer part.Unlock()
	if part.of[name]--; part.of[name] == 0 {
		delete(part.of, name)
	}
}
