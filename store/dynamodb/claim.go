package dynamodb

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/lobby"
	"bellhop/store"
)

// Versions before claims had IDs know a claim by two attributes, lobby_id and
// since. since is Claim.At, negated if the claim has settled. During a
// deployment these versions still read and write both, so they are kept.
//
// Such a version leaves claim_id alone when it writes a connection, and copies
// a member's claim_id to the member's next connection. So claim_id is "at.id",
// and counts only if since is of the same time.
const (
	lobbyIDName = "lobby_id"
	sinceName   = "since"
	claimIDName = "claim_id"
)

func claimIDAt(id uint32, at int64) string {
	return strconv.FormatInt(at, 10) + "." + strconv.FormatUint(uint64(id), 10)
}

// claimID returns the ID of a claim made at a time, or 0 if it has none.
func (it item) claimID(at int64) uint32 {
	s, _ := it[claimIDName].(*types.AttributeValueMemberS)
	if s == nil {
		return 0
	}
	when, number, _ := strings.Cut(s.Value, ".")
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil || when != strconv.FormatInt(at, 10) {
		return 0
	}
	return uint32(id)
}

func sinceOf(c lobby.Claim) types.AttributeValue {
	if c.Settled {
		return number(-c.At)
	}
	return number(c.At)
}

// setClaim sets the attributes of c in the item of a connection.
func (it item) setClaim(c lobby.Claim) {
	it[lobbyIDName], it[sinceName], it[claimIDName] = text(c.LobbyID), sinceOf(c), nil
	if c.ID != 0 {
		it[claimIDName] = text(claimIDAt(c.ID, c.At))
	}
}

// isClaim returns the condition that a connection's claim is c.
func isClaim(c lobby.Claim) (condition string, values item) {
	condition = "#lobby_id = :id AND #since = :at AND "
	values = item{":id": text(c.LobbyID), ":at": sinceOf(c), ":claim": text(claimIDAt(c.ID, c.At))}
	if c.ID != 0 {
		return condition + "#claim_id = :claim", values
	}
	values[":claim"] = text(strconv.FormatInt(c.At, 10) + ".")
	return condition + "NOT begins_with(#claim_id, :claim)", values
}

func decodeConnection(id string, it item) (store.Connection, error) {
	c := store.Connection{ID: id}
	if err := attributevalue.UnmarshalMap(it, &c); err != nil {
		return c, err
	}
	var stored struct {
		Since int64 `dynamodbav:"since"`
	}
	if err := attributevalue.UnmarshalMap(it, &stored); err != nil {
		return c, err
	}
	c.At, c.Settled = max(stored.Since, -stored.Since), stored.Since < 0
	c.Claim.ID = it.claimID(c.At)
	return c, nil
}

// eachClaimant calls visit for each member and request of l, with its
// attributes in it, l's item.
func eachClaimant(it item, l *lobby.Lobby, visit func(of item, id *uint32, at int64)) {
	all := it.participants()
	if len(all) != len(l.Members)+len(l.Waiting) {
		return
	}
	for i := range l.Members {
		visit(all[i], &l.Members[i].ClaimID, l.Members[i].ClaimedAt)
	}
	for i := range l.Waiting {
		visit(all[len(l.Members)+i], &l.Waiting[i].ClaimID, l.Waiting[i].ClaimedAt)
	}
}
