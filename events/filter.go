package events

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// Limits of a filter (docs/protocol.md, "Filters").
const (
	maxFilter     = 1 << 10 // bytes, as JSON
	maxConditions = 10
	maxIn         = 16 // scalars in one $in
	maxPath       = 3  // names after "metadata."
)

// A Filter selects lobbies. The zero value selects all.
type Filter struct{ conditions []condition }

// A condition holds for a lobby if all its tests hold for the lobby's value at
// its path.
type condition struct {
	key   string   // a member of the lobby in a list, such as "players"
	path  []string // if key is "metadata", the names inside it
	tests []test
}

type test struct {
	operator string
	operands []any // one, or those of $in; each is nil, a bool, a float64 or a string
}

// Matches reports whether all conditions of f hold for l.
func (f Filter) Matches(l Lobby) bool {
	var metadata any // parsed on first use
	for _, c := range f.conditions {
		value, ok := l.value(c.key)
		if c.path != nil {
			if metadata == nil {
				metadata = l.Metadata.parse()
			}
			value, ok = at(metadata, c.path)
		}
		for _, t := range c.tests {
			if !t.holds(value, ok) {
				return false
			}
		}
	}
	return true
}

// value returns the lobby's value of this key, which is not in its metadata.
func (l Lobby) value(key string) (v any, ok bool) {
	switch key {
	case "players":
		return float64(l.Players), true
	case "max_players":
		return float64(l.MaxPlayers), true
	case "free_seats":
		return float64(l.MaxPlayers - l.Players), true
	case "has_password":
		return l.HasPassword, true
	case "auto_accept":
		return l.AutoAccept, true
	case "topology":
		return l.Topology, true
	}
	return nil, false
}

func (o Object) parse() any {
	value := any(map[string]any{})
	if o != "" {
		json.Unmarshal([]byte(o), &value) // it was checked on arrival
	}
	return value
}

func at(value any, path []string) (any, bool) {
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// holds reports whether t holds for a value; exists is false if the lobby has
// none. A value of another type than the operand's is neither equal nor
// unequal, neither less nor greater.
func (t test) holds(value any, there bool) bool {
	if t.operator == "$exists" {
		return there == t.operands[0].(bool)
	}
	if !there || t.isOrdering() && !isOrdered(value) {
		return false
	}
	for _, operand := range t.operands {
		order, comparable := compare(value, operand)
		if comparable && t.takes(order) {
			return true
		}
	}
	return false
}

func (t test) isOrdering() bool {
	switch t.operator {
	case "$lt", "$lte", "$gt", "$gte":
		return true
	}
	return false
}

// isOrdered reports whether value is a number or a string, the types with an
// order.
func isOrdered(value any) bool {
	switch value.(type) {
	case float64, string:
		return true
	}
	return false
}

func (t test) takes(order int) bool {
	switch t.operator {
	case "$ne":
		return order != 0
	case "$lt":
		return order == -1
	case "$lte":
		return order == -1 || order == 0
	case "$gt":
		return order == 1
	case "$gte":
		return order == 1 || order == 0
	}
	return order == 0 // $eq, $in
}

// unordered is the result of comparing true with false: they differ, and
// neither is less.
const unordered = 2

// compare returns -1, 0, 1 or unordered for two scalars of one type. Strings
// compare by their bytes, and so by code points.
func compare(a, b any) (order int, comparable bool) {
	switch a := a.(type) {
	case nil:
		return 0, b == nil
	case bool:
		b, ok := b.(bool)
		if a != b {
			return unordered, ok
		}
		return 0, ok
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case float64:
		b, ok := b.(float64)
		switch {
		case a < b:
			return -1, ok
		case a > b:
			return 1, ok
		}
		return 0, ok
	}
	return 0, false
}

const invalidFilter = "Make \"filter\" an object of at most 10 conditions on players, max_players, free_seats, has_password, " +
	"auto_accept, topology or metadata.NAME, each a value or an object of $eq, $ne, $lt, $lte, $gt, $gte, $in and $exists."

// filter returns the requested filter. Without one, it returns a filter that
// matches every lobby.
func (f *fields) filter() (filter Filter) {
	value, ok := f.content.find("filter")
	if !ok {
		return filter
	}
	var all map[string]json.RawMessage
	if len(value) > maxFilter || value[0] != '{' || json.Unmarshal([]byte(value), &all) != nil || len(all) > maxConditions {
		f.fail(InvalidField, "filter", invalidFilter)
		return filter
	}
	for key, value := range all {
		c := condition{key: key}
		if path, ok := strings.CutPrefix(key, "metadata."); ok {
			c.path = strings.Split(path, ".")
		}
		_, known := Lobby{}.value(key)
		if c.tests, ok = tests(value); !ok || !known && c.path == nil || len(c.path) > maxPath || slices.Contains(c.path, "") {
			f.fail(InvalidField, "filter", invalidFilter)
		}
		filter.conditions = append(filter.conditions, c)
	}
	return filter
}

// tests returns the tests of a condition, if it is valid.
func tests(value json.RawMessage) (all []test, ok bool) {
	if value[0] != '{' {
		operand, ok := scalar(value)
		return []test{{"$eq", []any{operand}}}, ok
	}
	var operators map[string]json.RawMessage
	if json.Unmarshal(value, &operators) != nil || len(operators) == 0 {
		return nil, false
	}
	for operator, value := range operators {
		t, ok := testOf(operator, value)
		if !ok {
			return nil, false
		}
		all = append(all, t)
	}
	return all, true
}

func testOf(operator string, value json.RawMessage) (t test, ok bool) {
	t.operator = operator
	switch operator {
	case "$eq", "$ne", "$lt", "$lte", "$gt", "$gte":
		operand, ok := scalar(value)
		t.operands = []any{operand}
		return t, ok
	case "$exists":
		operand, _ := scalar(value)
		_, ok := operand.(bool)
		t.operands = []any{operand}
		return t, ok
	case "$in":
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil || len(list) > maxIn || value[0] != '[' {
			return t, false
		}
		for _, value := range list {
			operand, ok := scalar(value)
			if !ok {
				return t, false
			}
			t.operands = append(t.operands, operand)
		}
		return t, true
	}
	return t, false
}

// scalar returns value if it is a JSON scalar. A number must be one that JSON
// can hold.
func scalar(value json.RawMessage) (v any, ok bool) {
	value = bytes.TrimSpace(value)
	if value[0] == '{' || value[0] == '[' || json.Unmarshal(value, &v) != nil {
		return nil, false
	}
	n, isNumber := v.(float64)
	return v, !isNumber || !math.IsInf(n, 0)
}
