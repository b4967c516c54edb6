package stack

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// intrinsic returns the long name and the argument of the intrinsic function of
// a node; or "". The node has a tag, as in !Ref Table, or is a mapping of one
// member, as in {"Ref": "Table"} (CloudFormation guide, "Intrinsic function
// reference").
func intrinsic(n *yaml.Node) (name string, arg *yaml.Node) {
	if n == nil {
		return "", nil
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		name, arg := n.Tag[1:], *n
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		arg.Tag = map[yaml.Kind]string{yaml.ScalarNode: "!!str", yaml.SequenceNode: "!!seq", yaml.MappingNode: "!!map"}[n.Kind]
		return name, &arg
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		if key := n.Content[0].Value; key == "Ref" || strings.HasPrefix(key, "Fn::") {
			if arg = n.Content[1]; arg.Kind == yaml.AliasNode {
				arg = arg.Alias
			}
			return key, arg
		}
	}
	return "", nil
}

func isIntrinsic(n *yaml.Node) bool {
	name, _ := intrinsic(n)
	return name != ""
}

// describe writes a function in the short form of templates, for a warning.
func (t *template) describe(n *yaml.Node) string {
	name, arg := intrinsic(t.resolve(n))
	if name == "" {
		return "not a text"
	}
	text := arg.Value
	if arg.Kind == yaml.SequenceNode {
		text = "[...]"
	}
	return "!" + strings.TrimPrefix(name, "Fn::") + " " + text
}

// resolve follows aliases, and evaluates intrinsic functions as far as the
// template alone determines them. It returns anything else unchanged;
// AWS::NoValue is nil.
func (t *template) resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	name, arg := intrinsic(n)
	if name == "" {
		return n
	}
	defer t.ascend()
	if !t.descend() {
		return n
	}
	text, ok := "", false
	switch name {
	case "Ref":
		if arg.Value == "AWS::NoValue" {
			return nil
		}
		text, ok = t.ref(arg.Value)
	case "Fn::GetAtt":
		text, ok = t.attribute(arg)
	case "Fn::ImportValue":
		text, ok = t.Parameters[t.text(arg)]
	case "Fn::Sub":
		text, ok = t.sub(arg)
	case "Fn::Join":
		text, ok = t.join(arg)
	case "Fn::If":
		if parts := t.list(arg); len(parts) == 3 {
			if holds, known := t.named(t.text(parts[0])); known {
				return t.resolve(parts[map[bool]int{true: 1, false: 2}[holds]])
			}
		}
	case "Fn::FindInMap":
		if parts := t.list(arg); len(parts) == 3 {
			if found := t.get(t.root, "Mappings", t.text(parts[0]), t.text(parts[1]), t.text(parts[2])); found != nil {
				return found
			}
		}
	case "Fn::Select":
		if parts := t.list(arg); len(parts) == 2 {
			items := t.list(parts[1])
			if i, err := strconv.Atoi(t.text(parts[0])); err == nil && i >= 0 && i < len(items) {
				return t.resolve(items[i])
			}
		}
	}
	if !ok {
		return n
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: n.Line, Column: n.Column}
}

// pseudo are the pseudo parameters of CloudFormation that have a value on this
// machine; sam local has the same.
var pseudo = map[string]string{
	"AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::StackName": "local", "AWS::URLSuffix": "amazonaws.com",
}

// ref returns the value of !Ref of a parameter, or of a resource: its name or,
// as in sam local, its logical id.
func (t *template) ref(name string) (string, bool) {
	if value, ok := pseudo[name]; ok {
		return value, true
	}
	if name == "AWS::Region" {
		return t.Region, true
	}
	if value, ok := t.Parameters[name]; ok {
		return value, true
	}
	if p := t.get(t.root, "Parameters", name); p != nil {
		if strings.HasPrefix(t.text(t.get(p, "Type")), "AWS::SSM::") {
			return "", false // its default names a value that is stored elsewhere
		}
		return t.scalar(t.get(p, "Default"))
	}
	if name == t.chosen {
		return APIID, true
	}
	r := t.byID(name)
	for _, property := range []string{"TableName", "BucketName", "FunctionName", "LogGroupName"} {
		if own, ok := t.scalar(r.property(property)); ok && t.naming {
			return own, true
		}
	}
	return name, t.naming && r.kind != ""
}

// attribute returns the value of !GetAtt of the API.
func (t *template) attribute(arg *yaml.Node) (string, bool) {
	id, name, _ := strings.Cut(arg.Value, ".")
	if parts := t.list(arg); len(parts) == 2 {
		id, name = t.text(parts[0]), t.text(parts[1])
	}
	switch {
	case id == "" || id != t.chosen:
	case name == "ApiId":
		return APIID, true
	case name == "ApiEndpoint":
		return "wss://" + t.Host(), true
	}
	return "", false
}

// subPattern finds the variables of !Sub, but not ${!Literal}.
var subPattern = regexp.MustCompile(`\$\{\s*([^!}\s][^}\s]*)\s*\}`)

func (t *template) sub(arg *yaml.Node) (string, bool) {
	var own []member
	if parts := t.list(arg); len(parts) == 2 {
		arg, own = parts[0], t.members(parts[1])
	}
	if arg.Kind != yaml.ScalarNode {
		return "", false
	}
	all := true
	text := subPattern.ReplaceAllStringFunc(arg.Value, func(variable string) string {
		name := subPattern.FindStringSubmatch(variable)[1]
		value, ok := "", false
		if i := slices.IndexFunc(own, func(m member) bool { return m.key.Value == name }); i >= 0 {
			value, ok = t.scalar(own[i].value)
		} else {
			value, ok = t.ref(name)
			if strings.Contains(name, ".") {
				value, ok = t.attribute(&yaml.Node{Kind: yaml.ScalarNode, Value: name})
			}
		}
		all = all && ok
		return value
	})
	return strings.ReplaceAll(text, "${!", "${"), all
}

func (t *template) join(arg *yaml.Node) (string, bool) {
	parts := t.list(arg)
	if len(parts) != 2 {
		return "", false
	}
	separator, all := t.scalar(parts[0])
	var texts []string
	for _, item := range t.list(parts[1]) {
		text, ok := t.scalar(item)
		texts, all = append(texts, text), all && ok
	}
	return strings.Join(texts, separator), all && texts != nil
}

// named evaluates a condition of the section Conditions.
func (t *template) named(name string) (holds, known bool) {
	return t.condition(t.get(t.root, "Conditions", name))
}

// condition evaluates a condition, or the name of one.
func (t *template) condition(n *yaml.Node) (holds, known bool) {
	defer t.ascend()
	if !t.descend() || n == nil {
		return false, false
	}
	name, arg := intrinsic(n)
	if name == "" {
		if inner := t.get(n, "Condition"); inner != nil {
			n = inner
		}
		return t.named(t.text(n))
	}
	parts := t.list(arg)
	switch name {
	case "Condition":
		return t.named(arg.Value)
	case "Fn::Equals":
		if len(parts) == 2 {
			a, knowsA := t.scalar(parts[0])
			b, knowsB := t.scalar(parts[1])
			return a == b, knowsA && knowsB
		}
	case "Fn::Not":
		if len(parts) == 1 {
			holds, known = t.condition(parts[0])
			return !holds, known
		}
	case "Fn::And", "Fn::Or":
		decisive := name == "Fn::Or" // one true condition decides
		known = len(parts) > 0
		for _, part := range parts {
			h, k := t.condition(part)
			if k && h == decisive {
				return decisive, true
			}
			known = known && k
		}
		return !decisive, known
	}
	return false, false
}

// milliseconds reads a time within API Gateway's limits for an integration.
func (t *template) milliseconds(n *yaml.Node) (int, error) {
	ms, err := strconv.Atoi(t.text(n))
	if err != nil || ms < 50 || ms > 29000 {
		return 0, t.errorf(n, "%s is not a time from 50 to 29000, in milliseconds", cmp.Or(t.text(n), t.describe(n)))
	}
	return ms, nil
}
