package dynamodb_test

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodb"
	"bellhop/store/dynamodbtest"
	"bellhop/store/storetest"
)

type attributes = map[string]types.AttributeValue

// A sharedTable is a table that an earlier version of Bellhop writes too.
type sharedTable struct {
	t      *testing.T
	name   string
	client *awsdynamodb.Client
	store  *dynamodb.Store
}

// newSharedTable returns a table with the items of
// testdata/items_without_claim_ids.json. The version before claims had IDs
// wrote these when its clock read storetest.Epoch and some milliseconds.
func newSharedTable(t *testing.T) sharedTable {
	endpoint, c := dynamodbtest.Start(t), storetest.NewClock()
	s := sharedTable{t: t, name: dynamodbtest.Table(), client: dynamodbtest.Client(endpoint)}
	s.store = dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, s.name, c.Now)
	data, err := os.ReadFile("testdata/items_without_claim_ids.json")
	storetest.WantErr(t, "ReadFile", err, nil)
	var items []json.RawMessage
	storetest.WantErr(t, "Unmarshal", json.Unmarshal(data, &items), nil)
	for _, raw := range items {
		it, err := attributevalue.UnmarshalMapJSON(raw)
		storetest.WantErr(t, "UnmarshalMapJSON", err, nil)
		s.put(it)
	}
	return s
}

func (s sharedTable) put(it attributes) {
	s.t.Helper()
	_, err := s.client.PutItem(s.t.Context(), &awsdynamodb.PutItemInput{TableName: &s.name, Item: it})
	storetest.WantErr(s.t, "PutItem", err, nil)
}

func (s sharedTable) item(pk string) attributes {
	s.t.Helper()
	out, err := s.client.GetItem(s.t.Context(), &awsdynamodb.GetItemInput{TableName: &s.name, Key: attributes{"pk": text(pk)}})
	storetest.WantErr(s.t, "GetItem", err, nil)
	return out.Item
}

// claim is Claim as the earlier version does it.
func (s sharedTable) claim(conn, fromID, fromSince, toID, toSince string) error {
	_, err := s.client.UpdateItem(s.t.Context(), &awsdynamodb.UpdateItemInput{
		TableName: &s.name, Key: attributes{"pk": text("C#" + conn)},
		UpdateExpression:    aws.String("SET #lobby_id = :lobby_id, #since = :since"),
		ConditionExpression: aws.String("#lobby_id = :id AND #since = :at"),
		ExpressionAttributeNames: map[string]string{
			"#lobby_id": "lobby_id", "#since": "since",
		},
		ExpressionAttributeValues: attributes{
			":id": text(fromID), ":at": number(fromSince), ":lobby_id": text(toID), ":since": number(toSince),
		},
	})
	return err
}

func (s sharedTable) wantClaim(conn string, want lobby.Claim) {
	s.t.Helper()
	c, err := s.store.Connection(s.t.Context(), conn)
	storetest.WantErr(s.t, "Connection", err, nil)
	if diff := cmp.Diff(want, c.Claim); diff != "" {
		s.t.Fatalf("claim of %s (-want +got):\n%s", conn, diff)
	}
}

func (s sharedTable) mustClaim(conn string, from, to lobby.Claim) {
	s.t.Helper()
	_, err := s.store.Claim(s.t.Context(), conn, from, to)
	storetest.WantErr(s.t, "Claim", err, nil)
	s.wantClaim(conn, to)
}

func (s sharedTable) update(rule func(*lobby.Lobby) error) (old, l *lobby.Lobby) {
	s.t.Helper()
	old, err := s.store.Lobby(s.t.Context(), foxKey)
	storetest.WantErr(s.t, "Lobby", err, nil)
	l, err = store.UpdateLobby(s.t.Context(), s.store, foxKey, rule)
	storetest.WantErr(s.t, "UpdateLobby", err, nil)
	return old, l
}

const foxKey = "default#fox"

// Times of the recorded claims.
const (
	foxAt      = 1893553445000 // host, guest and waiter
	annAt      = foxAt + 5
	strangerAt = foxAt + 12
)

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

// TestEarlierItems checks that items from before claims had IDs can be read,
// and that their claims can be settled and replaced.
func TestEarlierItems(t *testing.T) {
	s := newSharedTable(t)
	fox := lobby.Claim{LobbyID: "fox", At: foxAt}
	stranger := lobby.Claim{LobbyID: "fox", At: strangerAt, Settled: true}
	s.wantClaim("host", fox)
	s.wantClaim("lonely", lobby.Claim{})
	s.wantClaim("stranger", stranger)

	before, after := s.update(func(l *lobby.Lobby) error {
		ann, _ := l.Member("ann")
		l.ExpireAway(ann.AwayUntil)
		if _, err := l.CancelRequest("waiter"); err != nil {
			return err
		}
		return l.Kick("host", "guest", "", lobby.NoBan)
	})
	want := []lobby.Claimant{{Conn: "guest", Claim: fox}, {Conn: "ann", Claim: lobby.Claim{LobbyID: "fox", At: annAt}}, {Conn: "waiter", Claim: fox}}
	if diff := cmp.Diff(want, lobby.Gone(before, after)); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
	settled := fox
	settled.Settled = true
	s.mustClaim("guest", fox, settled)

	hen := lobby.Claim{LobbyID: "hen", ID: 5, At: strangerAt + 1}
	s.mustClaim("lonely", lobby.Claim{}, hen)
	s.mustClaim("stranger", stranger, hen)
}

// TestEarlierVersionWrites checks that the version from before claims had IDs
// can work on the same table: all that it compares and writes means the same to
// both.
func TestEarlierVersionWrites(t *testing.T) {
	s := newSharedTable(t)
	hen := lobby.Claim{LobbyID: "hen", ID: 5, At: 1000}
	settled := hen
	settled.Settled = true

	s.mustClaim("lonely", lobby.Claim{}, hen)
	storetest.WantErr(t, "settle", s.claim("lonely", "hen", "1000", "hen", "-1000"), nil)
	s.wantClaim("lonely", settled)
	storetest.WantErr(t, "claim again", s.claim("lonely", "hen", "-1000", "hen", "2000"), nil)
	again := lobby.Claim{LobbyID: "hen", At: 2000}
	s.wantClaim("lonely", again)
	s.mustClaim("lonely", again, hen)
	storetest.WantErr(t, "release", s.claim("lonely", "hen", "1000", "", "0"), nil)
	s.wantClaim("lonely", lobby.Claim{})
	s.mustClaim("lonely", lobby.Claim{}, settled)
	if err := s.claim("lonely", "hen", "1000", "owl", "3000"); err == nil {
		t.Error("the earlier version takes a settled claim for a fresh one")
	}

	old, l := s.update(func(l *lobby.Lobby) error { // two players join, of which one resumes with the earlier version
		for _, conn := range []string{"lonely", "stranger"} {
			if err := l.Request(lobby.JoinRequest{Conn: conn, ClaimID: 5, ClaimedAt: 1000}); err != nil {
				return err
			}
		}
		_, _, err := l.Accept("host", "lonely", 0, "")
		return err
	})
	if ids := claimIDs(l); !maps.Equal(ids, map[string]uint32{"lonely": 5, "stranger": 5}) || len(claimIDs(old)) > 0 {
		t.Fatalf("claim IDs %v, before that %v", ids, claimIDs(old))
	}
	it := s.item("L#" + foxKey)
	members := it["members"].(*types.AttributeValueMemberL).Value
	lonely := members[len(members)-1].(*types.AttributeValueMemberM).Value
	if since, ok := lonely["since"].(*types.AttributeValueMemberN); !ok || since.Value != "1000" {
		t.Errorf("the earlier version reads %v of a member's claim, want 1000", lonely["since"])
	}
	lonely["conn"], lonely["since"] = text("back"), number("2000")
	s.put(it)
	if l, err := s.store.Lobby(t.Context(), foxKey); err != nil || !maps.Equal(claimIDs(l), map[string]uint32{"stranger": 5}) {
		t.Errorf("%v, claim IDs %v: a claim of the earlier version has another's ID", err, claimIDs(l))
	}
	s.update(func(l *lobby.Lobby) error {
		l.Waiting[len(l.Waiting)-1].ClaimID = 6
		return nil
	})
	if l, err := s.store.Lobby(t.Context(), foxKey); err != nil || !maps.Equal(claimIDs(l), map[string]uint32{"stranger": 6}) {
		t.Errorf("%v, claim IDs %v: a claim's ID is not replaced", err, claimIDs(l))
	}
}

// claimIDs returns the claim IDs in l, by connection.
func claimIDs(l *lobby.Lobby) map[string]uint32 {
	ids := map[string]uint32{}
	for _, m := range l.Members {
		ids[m.Conn] = m.ClaimID
	}
	for _, r := range l.Waiting {
		ids[r.Conn] = r.ClaimID
	}
	maps.DeleteFunc(ids, func(_ string, id uint32) bool { return id == 0 })
	return ids
}
