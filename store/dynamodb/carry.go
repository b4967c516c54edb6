package dynamodb

import (
	"maps"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/lobby"
)

// During the deployment of a new version the previous one still runs, and both
// write the same items. The older one must not erase attributes that it does
// not know. Attributes of an item itself stay, since an update names those that
// it sets. Those of its members and requests are carried over here.

// participants are the attributes of a lobby's item that list members and
// requests.
var participants = []string{"members", "waiting"}

// knownAttributes returns the names of the attributes of members and requests.
var knownAttributes = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{claimIDName: true}
	// An empty value of these would be left out.
	member, request := lobby.Member{PlayerID: "-", Address: "-"}, lobby.JoinRequest{PlayerID: "-", Address: "-"}
	for _, v := range []any{member, request} {
		it, _ := encode(v)
		for name := range it {
			names[name] = true
		}
	}
	return names
})

// preserveUnknown copies unknown attributes of members and requests from old to
// it. It matches participants by connection, current or previous: a waiting
// player might be a member by now, and a member might have resumed.
func (it item) preserveUnknown(old item) {
	unknown := map[string]item{}
	for _, person := range old.participants() {
		for name, value := range person {
			if conn := person.conn(); !knownAttributes()[name] {
				if unknown[conn] == nil {
					unknown[conn] = item{}
				}
				unknown[conn][name] = value
			}
		}
	}
	if len(unknown) == 0 {
		return
	}
	for _, person := range it.participants() {
		for _, conn := range append(person.former(), person.conn()) {
			maps.Copy(person, unknown[conn])
		}
	}
}

// former are the previous connections of a member.
func (it item) former() (conns []string) {
	list, _ := it["former"].(*types.AttributeValueMemberL)
	if list == nil {
		return nil
	}
	for _, v := range list.Value {
		if s, ok := v.(*types.AttributeValueMemberS); ok {
			conns = append(conns, s.Value)
		}
	}
	return conns
}

func (it item) participants() (all []item) {
	for _, name := range participants {
		list, _ := it[name].(*types.AttributeValueMemberL)
		if list == nil {
			continue
		}
		for _, v := range list.Value {
			if m, ok := v.(*types.AttributeValueMemberM); ok {
				all = append(all, m.Value)
			}
		}
	}
	return all
}

func (it item) conn() string {
	s, _ := it["conn"].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}
