package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"bellhop/internal/awsclient"
	"bellhop/lobby"
	"bellhop/store"
)

// A Store keeps lobbies and connections in one table, for any number of
// processes. Each call is one request for one item: a lobby, whose key pk is
// "L#game#id", or a connection, "C#id". Reads are strongly consistent and
// writes conditional.
//
// A deleted item stays, expired, until DynamoDB removes it for free. So a write
// whose answer was lost, and which the SDK retries, can find out that it
// succeeded before (see update).
type Store struct {
	client *dynamodb.Client
	http   aws.HTTPClient
	table  string
	now    func() time.Time
}

// Limits of one call. DynamoDB answers in some 5 ms; after two seconds without
// an answer, the SDK tries again. The context limits the whole call.
const attemptTime = 2 * time.Second

// New returns a Store in table, which template.yaml or CreateTable creates. It
// sends no request yet. A nonempty endpoint replaces the region's own.
func New(c aws.Config, endpoint, table string, now func() time.Time) *Store {
	if c.HTTPClient == nil {
		c.HTTPClient = awsclient.Transport(attemptTime, 0)
	}
	client := dynamodb.NewFromConfig(c, func(o *dynamodb.Options) {
		o.Retryer = awsclient.Attempts()
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
	})
	return &Store{client: client, http: c.HTTPClient, table: table, now: now}
}

// Dial opens a connection to DynamoDB ahead of the first call, for which the
// TLS handshake is then done. DynamoDB answers its request, /ping, for free.
// A failure does no harm.
func (d *Store) Dial(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	o := d.client.Options()
	at, err := o.EndpointResolverV2.ResolveEndpoint(ctx, dynamodb.EndpointParameters{Region: &o.Region, Endpoint: o.BaseEndpoint})
	if err != nil {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URI.JoinPath("ping").String(), nil)
	if err != nil {
		return
	}
	if answer, err := d.http.Do(r); err == nil {
		io.Copy(io.Discard, answer.Body) // or the connection is not used again
		answer.Body.Close()
	}
}

// isFree is the condition that a key has no item, or one that has expired by
// :now.
const isFree = "attribute_not_exists(pk) OR expires_at <= :now"

// CreateLobby implements store.Store.
func (d *Store) CreateLobby(ctx context.Context, l lobby.Lobby) error {
	l.Version = store.FirstVersion()
	it, err := encodeLobby(&l)
	if err != nil {
		return err
	}
	it[keyName] = lobbyKey(l.Key())
	maps.DeleteFunc(it, func(_ string, v types.AttributeValue) bool { return v == nil })
	_, err = d.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &d.table, Item: it,
		ConditionExpression:                 aws.String(isFree),
		ExpressionAttributeValues:           item{":now": d.seconds()},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if found, failed := conditionFailed(err); failed {
		if !it.wrote(found) {
			return store.ErrExists
		}
		return nil
	}
	return d.explain(err)
}

// Lobby implements store.Store.
func (d *Store) Lobby(ctx context.Context, key lobby.Key) (*lobby.Lobby, error) {
	it, err := d.get(ctx, lobbyKey(key))
	if err != nil {
		return nil, err
	}
	l := &lobby.Lobby{Stored: it}
	if err := attributevalue.UnmarshalMap(it, l); err != nil {
		return nil, err
	}
	eachClaimant(it, l, func(of item, id *uint32, at int64) { *id = of.claimID(at) })
	return l, nil
}

// SwapLobby implements store.Store.
func (d *Store) SwapLobby(ctx context.Context, old, new *lobby.Lobby) error {
	l := *new
	l.Version = old.Version + 1
	it, err := encodeLobby(&l)
	if err != nil {
		return err
	}
	read, _ := old.Stored.(item)
	it.recordWrite(read)
	if it.preserveUnknown(read); l.Closed {
		it[expiryName] = d.ended()
	}
	_, err = d.update(ctx, lobbyKey(l.Key()), it, "#version = :was", item{":was": number(old.Version)}, types.ReturnValueNone)
	return err
}

// PutConnection implements store.Store.
func (d *Store) PutConnection(ctx context.Context, c store.Connection) error {
	it, err := encode(&c)
	if err != nil {
		return err
	}
	it[keyName] = connectionKey(c.ID)
	it.setClaim(c.Claim)
	maps.DeleteFunc(it, func(_ string, v types.AttributeValue) bool { return v == nil })
	_, err = d.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &d.table, Item: it,
		ConditionExpression:       aws.String(isFree),
		ExpressionAttributeValues: item{":now": d.seconds()},
	})
	if _, there := conditionFailed(err); there {
		return nil
	}
	return d.explain(err)
}

// Connection implements store.Store.
func (d *Store) Connection(ctx context.Context, id string) (c store.Connection, err error) {
	it, err := d.get(ctx, connectionKey(id))
	if err != nil {
		return c, err
	}
	return decodeConnection(id, it)
}

// Claim implements store.Store.
func (d *Store) Claim(ctx context.Context, id string, from, to lobby.Claim) (c store.Connection, err error) {
	it, _ := encode(struct{}{})
	it.setClaim(to)
	condition, values := isClaim(from)
	found, err := d.update(ctx, connectionKey(id), it, condition, values, types.ReturnValueAllNew)
	switch {
	case err == store.ErrConflict && !d.live(found):
		return c, store.ErrNotFound
	case err != nil && err != store.ErrConflict:
		return c, err
	}
	c, broken := decodeConnection(id, found)
	return c, cmp.Or(broken, err)
}

// DeleteConnection implements store.Store.
func (d *Store) DeleteConnection(ctx context.Context, id string) (was store.Connection, err error) {
	it, _ := encode(struct{}{})
	it[expiryName] = d.ended()
	found, err := d.update(ctx, connectionKey(id), it, "", item{}, types.ReturnValueAllOld)
	if err == store.ErrConflict {
		return was, store.ErrNotFound
	} else if err != nil {
		return was, err
	}
	return decodeConnection(id, found)
}

// get returns the item at key, or ErrNotFound.
func (d *Store) get(ctx context.Context, key types.AttributeValue) (item, error) {
	out, err := d.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.table, Key: item{keyName: key}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, d.explain(err)
	}
	if !d.live(out.Item) {
		return nil, store.ErrNotFound
	}
	return out.Item, nil
}

// update sets attributes of the item at key, or removes those that are nil, and
// returns the item as requested. If the item has expired or condition does not
// hold, it returns ErrConflict and the item. In condition, an attribute that is
// set has a # before its name.
//
// If an answer is lost, the SDK's next attempt finds the item changed already,
// perhaps by others since. So each call writes a number of its own beside the
// numbers of the last calls, and recognizes its own write.
//
// Only CreateLobby begins that list again. If the answer to a close is lost,
// and a new lobby takes the id before the next attempt, that attempt meets a
// lobby that does not list it: the caller gets an error, and the members find
// out by their next actions. Keeping the list would mean to update the item,
// with all that a newer version wrote of the former lobby.
func (d *Store) update(ctx context.Context, key types.AttributeValue, set item, condition string, values item, back types.ReturnValue) (item, error) {
	var sets, removes []string
	names := make(map[string]string, len(set))
	for name, value := range set {
		if names["#"+name] = name; value == nil {
			removes = append(removes, "#"+name)
			continue
		}
		sets = append(sets, "#"+name+" = :"+name)
		values[":"+name] = value
	}
	expression := "SET " + strings.Join(sets, ", ")
	if len(removes) > 0 {
		expression += " REMOVE " + strings.Join(removes, ", ")
	}
	if condition != "" {
		condition += " AND "
	}
	values[":now"] = d.seconds()
	out, err := d.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &d.table, Key: item{keyName: key}, ReturnValues: back,
		UpdateExpression:                    &expression,
		ConditionExpression:                 aws.String(condition + "expires_at > :now"),
		ExpressionAttributeNames:            names,
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if found, failed := conditionFailed(err); failed {
		if !set.wrote(found) {
			return found, store.ErrConflict
		}
		return found, nil
	}
	if err != nil {
		return nil, d.explain(err)
	}
	return out.Attributes, nil
}

// live reports whether it exists and has not expired.
func (d *Store) live(it item) bool {
	at, ok := it[expiryName].(*types.AttributeValueMemberN)
	if !ok {
		return false
	}
	seconds, err := strconv.ParseInt(at.Value, 10, 64)
	return err == nil && d.now().Unix() < seconds
}

// ended is the expiry time of a deleted item. It is long enough ago for clocks
// that differ, and recent enough that DynamoDB deletes the item (developer
// guide, "Using time to live": no more than five years).
func (d *Store) ended() types.AttributeValue { return number(d.now().Add(-time.Hour).Unix()) }

func (d *Store) seconds() types.AttributeValue { return number(d.now().Unix()) }

// explain adds advice to an error of DynamoDB, if the cause is known.
func (d *Store) explain(err error) error {
	var none *types.ResourceNotFoundException
	var api smithy.APIError
	switch {
	case errors.As(err, &none):
		return fmt.Errorf("DynamoDB has no table %q here; check its name (TABLE, or the gateway's -table) and the Region (AWS_REGION): %w", d.table, err)
	case !errors.As(err, &api):
		return err
	}
	switch api.ErrorCode() {
	case "ValidationException": // requests always have the same form, so the table is the wrong one
		if text := api.ErrorMessage(); strings.Contains(text, "schema") || strings.Contains(text, "the key") {
			return fmt.Errorf("DynamoDB's table %q is not one of Bellhop's, whose only key is pk, a string: %w", d.table, err)
		}
		return fmt.Errorf("DynamoDB cannot use table %q: %w", d.table, err)
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		return fmt.Errorf("%w: %w", store.ErrThrottled, err)
	}
	return err
}

// conditionFailed returns the item that made a condition fail, if err is such a
// failure.
func conditionFailed(err error) (found item, failed bool) {
	var e *types.ConditionalCheckFailedException
	if !errors.As(err, &e) {
		return nil, false
	}
	return e.Item, true
}

// An item is an item in DynamoDB: attributes by their names.
type item map[string]types.AttributeValue

// Attributes that conditions name. All others are in the tags of Lobby, Member,
// JoinRequest, Connection and Listing.
const (
	keyName    = "pk"
	expiryName = "expires_at" // Unix seconds, for DynamoDB's time to live
	writesName = "writes"     // random numbers of the last calls that wrote it, the latest first
	listName   = "listed"     // "game#shard", the hash key of the indexes; the range key is named by Order.index

	// listingName is all that the indexes show of a lobby, in one attribute:
	// CloudFormation changes one index an update, and both have to show the same,
	// so no attribute can be added to what they project.
	listingName = "listing"
)

// maxWrites is the number of later writes after which a call whose answer was
// lost still recognizes its own.
const maxWrites = 8

func lobbyKey(key lobby.Key) types.AttributeValue  { return text("L#" + string(key)) }
func connectionKey(id string) types.AttributeValue { return text("C#" + id) }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// encode returns v as an item without its key.
func encode(v any) (item, error) {
	it, err := attributevalue.MarshalMap(v)
	if err != nil {
		return nil, err
	}
	it[writesName] = &types.AttributeValueMemberL{Value: []types.AttributeValue{number(int64(rand.Uint32()))}}
	return it, nil
}

// recordWrite records in it, which is about to be written, the writes of old.
func (it item) recordWrite(old item) {
	all := append(it.writeIDs(), old.writeIDs()...)
	it[writesName] = &types.AttributeValueMemberL{Value: all[:min(len(all), maxWrites)]}
}

func (it item) writeIDs() []types.AttributeValue {
	l, _ := it[writesName].(*types.AttributeValueMemberL)
	if l == nil {
		return nil
	}
	return slices.Clone(l.Value)
}

// wrote reports whether the call whose write it is wrote found, or one of the
// versions shortly before.
func (it item) wrote(found item) bool {
	mine, _ := it.writeIDs()[0].(*types.AttributeValueMemberN)
	return slices.ContainsFunc(found.writeIDs(), func(v types.AttributeValue) bool {
		n, _ := v.(*types.AttributeValueMemberN)
		return n != nil && n.Value == mine.Value
	})
}
