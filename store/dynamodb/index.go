package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/lobby"
)

// List implements store.Store. It queries all shards at the same time with an
// index, which is some milliseconds behind. If all results have expired and
// only wait for DynamoDB to delete them, it reads on.
func (d *Store) List(ctx context.Context, game string, o *lobby.Order, after lobby.Position, n int) (page []lobby.Listing, more bool, err error) {
	for more = true; more && len(page) == 0; {
		var shards [listShards]shardPage
		var errs [listShards]error
		var wg sync.WaitGroup
		for i := range shards {
			wg.Go(func() { shards[i], errs[i] = d.listShard(ctx, listKey(game, i), o, after, n) })
		}
		wg.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			return nil, false, err
		}
		page, more, after = merge(shards[:])
	}
	return page, more, nil
}

// ListLag implements Store: an index follows its table within a fraction of a
// second (developer guide, "Using Global Secondary Indexes in DynamoDB").
func (d *Store) ListLag() time.Duration { return 200 * time.Millisecond }

func (d *Store) listShard(ctx context.Context, shard types.AttributeValue, o *lobby.Order, after lobby.Position, n int) (s shardPage, err error) {
	out, err := d.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &d.table, IndexName: &o.Name, Limit: aws.Int32(int32(n)),
		KeyConditionExpression:    aws.String("#listed = :listed AND #position > :after"),
		ExpressionAttributeNames:  map[string]string{"#listed": listName, "#position": o.Name},
		ExpressionAttributeValues: item{":listed": shard, ":after": text(cmp.Or(string(after), " "))}, // a space sorts before all
	})
	if err != nil {
		return s, d.explain(err)
	}
	for _, it := range out.Items {
		var l lobby.Listing
		shown, ok := it[listingName].(*types.AttributeValueMemberM)
		if !ok {
			return s, fmt.Errorf("index %s shows no %s", o.Name, listingName)
		}
		if err := attributevalue.UnmarshalMap(shown.Value, &l); err != nil {
			return s, err
		}
		if at, ok := it[o.Name].(*types.AttributeValueMemberS); ok {
			l.Position = lobby.Position(at.Value)
		}
		if s.last = l.Position; d.live(shown.Value) {
			s.listings = append(s.listings, l)
		}
	}
	s.more = len(out.LastEvaluatedKey) > 0
	return s, nil
}

// A shardPage is the part of one shard's list that was read.
type shardPage struct {
	listings []lobby.Listing
	last     lobby.Position // last position that was read
	more     bool           // whether there might be more
}

// merge brings the results of all shards into the list's order. Nothing is
// known of a shard beyond its last result if it has more. So merge stops at the
// first such end, and leaves the rest for the next page.
func merge(shards []shardPage) (page []lobby.Listing, more bool, end lobby.Position) {
	end = "~" // sorts after all
	for _, s := range shards {
		page = append(page, s.listings...)
		if s.more {
			more, end = true, min(end, s.last)
		}
	}
	slices.SortFunc(page, func(a, b lobby.Listing) int { return cmp.Compare(a.Position, b.Position) })
	return slices.DeleteFunc(page, func(l lobby.Listing) bool { return l.Position > end }), more, end
}

// listShards is the number of hash keys over which a game's list spreads. Each
// key takes 1,000 writes a second, and whenever a player joins or leaves a
// listed lobby, there is a write (developer guide, "Designing partition keys to
// distribute your workload").
const listShards = 4

func shardOf(key lobby.Key) int {
	h := fnv.New32a()
	h.Write([]byte(key))
	return int(h.Sum32() % listShards)
}

func listKey(game string, shard int) types.AttributeValue {
	return text(game + "#" + strconv.Itoa(shard))
}

// encodeLobby returns l as an item without its key, with the attributes for
// lists. A nil attribute is to be removed: a lobby that is not listed has no
// position in the indexes.
func encodeLobby(l *lobby.Lobby) (item, error) {
	it, err := encode(l)
	if err != nil {
		return nil, err
	}
	eachClaimant(it, l, func(of item, id *uint32, at int64) {
		if *id != 0 {
			of[claimIDName] = text(claimIDAt(*id, at))
		}
	})
	it[listName], it[listingName] = nil, nil
	for _, o := range lobby.Orders {
		if it[o.Name] = nil; o.PositionOf(l) != "" {
			it[listName], it[o.Name] = listKey(l.Game, shardOf(l.Key())), text(string(o.PositionOf(l)))
		}
	}
	if it[listName] != nil {
		it[listingName] = showing(l.Listing())
	}
	return it, nil
}

// showing returns l as the indexes have it.
func showing(l lobby.Listing) types.AttributeValue {
	shown, err := attributevalue.MarshalMap(l)
	if err != nil {
		panic(err) // a Listing can always be encoded
	}
	return &types.AttributeValueMemberM{Value: shown}
}

func indexOf(o *lobby.Order) types.GlobalSecondaryIndex {
	return types.GlobalSecondaryIndex{
		IndexName: &o.Name,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(listName), KeyType: types.KeyTypeHash},
			{AttributeName: &o.Name, KeyType: types.KeyTypeRange},
		},
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{listingName}},
	}
}
