package stack

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A template is a file being read. Its nodes are read through resolve, which
// replaces intrinsic functions with their values.
type template struct {
	Options
	file      string
	root      *yaml.Node
	resources []resource
	chosen    string // logical id of the API
	naming    bool   // !Ref is a resource's name, and no longer the resource
	warnings  []warning
	budget    int // remaining steps; negative after too many
	depth     int // depth of the current steps
}

// A template of a few lines can grow without limit by referring to itself.
const (
	maxSteps = 1 << 20
	maxDepth = 100
)

// descend takes a step, and returns false if there have been too many. Each is
// followed by ascend.
func (t *template) descend() bool {
	if t.budget, t.depth = t.budget-1, t.depth+1; t.depth > maxDepth {
		t.budget = -1
	}
	return t.budget >= 0
}

func (t *template) ascend() { t.depth-- }

type warning struct {
	line int
	text string
}

// A resource is a resource of the template whose condition holds.
type resource struct {
	*template
	id, kind   string
	at         *yaml.Node // line of its beginning
	properties *yaml.Node
	globals    *yaml.Node // the Globals of its kind
	metadata   *yaml.Node
}

// A member is a member of a mapping.
type member struct{ key, value *yaml.Node }

func (t *template) warn(at *yaml.Node, format string, args ...any) {
	t.warnings = append(t.warnings, warning{at.Line, fmt.Sprintf(format, args...)})
}

func (t *template) errorf(at *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", t.file, at.Line, fmt.Errorf(format, args...))
}

// globalsOf names the section of Globals for a kind of resources.
var globalsOf = map[string]string{"AWS::Serverless::Function": "Function", samAPI: "WebSocketApi"}

func (t *template) readResources() error {
	for _, m := range t.members(t.get(t.root, "Resources")) {
		r := resource{template: t, id: m.key.Value, at: m.key, properties: t.get(m.value, "Properties"), metadata: t.get(m.value, "Metadata")}
		if strings.HasPrefix(r.id, "Fn::") {
			t.warn(m.key, "%s makes resources that are not read here; give what sam or CloudFormation makes of the template", r.id)
			continue
		}
		if r.kind = t.text(t.get(m.value, "Type")); r.kind == "" {
			return t.errorf(m.key, "resource %s has no Type", r.id)
		}
		if n := t.get(m.value, "Condition"); n != nil {
			if holds, known := t.condition(n); known && !holds {
				continue
			}
		}
		if section := globalsOf[r.kind]; section != "" {
			r.globals = t.get(t.root, "Globals", section)
		}
		t.resources = append(t.resources, r)
	}
	return nil
}

// byID returns a resource. A missing one has no kind.
func (t *template) byID(id string) resource {
	for _, r := range t.resources {
		if r.id == id {
			return r
		}
	}
	return resource{template: t}
}

// property returns a property, or its value in Globals, or nil.
func (r resource) property(name string) *yaml.Node {
	if n := r.get(r.properties, name); n != nil {
		return n
	}
	return r.get(r.globals, name)
}

// members returns the members of a mapping; other nodes have none.
func (t *template) members(n *yaml.Node) (all []member) {
	if n = t.resolve(n); n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		all = append(all, member{n.Content[i], n.Content[i+1]})
	}
	return all
}

// get follows a path of names through mappings, and returns nil if it leads
// nowhere.
func (t *template) get(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		all := t.members(n)
		i := slices.IndexFunc(all, func(m member) bool { return m.key.Value == name })
		if i < 0 {
			return nil
		}
		n = t.resolve(all[i].value)
	}
	return n
}

// list returns the elements of a list.
func (t *template) list(n *yaml.Node) []*yaml.Node {
	if n = t.resolve(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// scalar returns a text, number or boolean as text. It returns false for any
// other or unknown value.
func (t *template) scalar(n *yaml.Node) (string, bool) {
	n = t.resolve(n)
	if n == nil || n.Kind != yaml.ScalarNode || isIntrinsic(n) {
		return "", false
	}
	return n.Value, true
}

// text is scalar for callers that need no reason.
func (t *template) text(n *yaml.Node) string {
	text, _ := t.scalar(n)
	return text
}

// texts returns the members of a mapping with known values.
func (t *template) texts(n *yaml.Node) map[string]string {
	var all map[string]string
	for _, m := range t.members(n) {
		value, ok := t.scalar(m.value)
		if !ok {
			t.warn(m.key, "%s is %s, which only a deployed stack knows; it is left out", m.key.Value, t.describe(m.value))
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		all[m.key.Value] = value
	}
	return all
}

// referred returns the logical ids that a value refers to in any way: !Ref,
// !GetAtt, in !Sub, in !Join.
func (t *template) referred(n *yaml.Node) (ids []string) {
	defer t.ascend()
	if !t.descend() {
		return nil
	}
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	name, arg := intrinsic(n)
	switch name {
	case "Ref": // SAM has !Ref Function.Alias
		id, _, _ := strings.Cut(arg.Value, ".")
		return []string{id}
	case "Fn::GetAtt":
		if arg.Kind == yaml.ScalarNode {
			id, _, _ := strings.Cut(arg.Value, ".")
			return []string{id}
		}
		return []string{t.first(arg)}
	case "Fn::Sub":
		text, also := arg, (*yaml.Node)(nil)
		if parts := t.list(arg); len(parts) > 1 {
			text, also = parts[0], parts[1]
		}
		for _, m := range subPattern.FindAllStringSubmatch(text.Value, -1) {
			id, _, _ := strings.Cut(m[1], ".")
			ids = append(ids, id)
		}
		return append(ids, t.referred(also)...)
	case "Fn::If", "Fn::Select", "Fn::FindInMap":
		if value := t.resolve(n); value != n {
			return t.referred(value)
		}
	}
	if n == nil {
		return nil
	}
	for _, child := range n.Content {
		ids = append(ids, t.referred(child)...)
	}
	return ids
}

// first returns the first text of a list.
func (t *template) first(n *yaml.Node) string {
	if items := t.list(n); len(items) > 0 {
		return t.text(items[0])
	}
	return ""
}

// referredOf returns the resource that a value refers to, if it is of one of
// these kinds. Otherwise the result has no kind.
func (t *template) referredOf(n *yaml.Node, kinds ...string) resource {
	for _, id := range t.referred(n) {
		if r := t.byID(id); slices.Contains(kinds, r.kind) {
			return r
		}
	}
	return resource{template: t}
}

var arnPattern = regexp.MustCompile(`:function:([\w-]+)`)

// functionOf returns the function that a value refers to by ARN or name, or
// through an alias or version.
func (t *template) functionOf(n *yaml.Node) resource {
	if r := t.referredOf(n, "AWS::Serverless::Function", "AWS::Lambda::Function"); r.kind != "" {
		return r
	}
	if r := t.referredOf(n, "AWS::Lambda::Alias", "AWS::Lambda::Version"); r.kind != "" {
		return t.referredOf(r.property("FunctionName"), "AWS::Serverless::Function", "AWS::Lambda::Function")
	}
	m := arnPattern.FindStringSubmatch(t.text(n))
	for _, r := range t.resources {
		if m != nil && (r.id == m[1] || t.text(r.property("FunctionName")) == m[1]) {
			return r
		}
	}
	return resource{template: t}
}
