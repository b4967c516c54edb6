package dynamodbtest

import (
	"context"
	"maps"
	"math"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodb"
)

// Units are request units that DynamoDB bills (developer guide, "DynamoDB
// on-demand capacity mode"), of the table and of each index.
type Units struct {
	Writes, Reads map[string]float64 // by index; the table is ""
}

// Total returns the sum of all units of one kind.
func Total(units map[string]float64) (n float64) {
	for _, u := range units {
		n += u
	}
	return n
}

// A Meter is a Store that counts what its calls would cost in DynamoDB, from
// the items before and after each write.
type Meter struct {
	store.Store
	mu    sync.Mutex
	units Units
	items map[lobby.Key]encoded // the last of each lobby, since it is read again and again
}

type encoded struct {
	of *lobby.Lobby
	it attributes
}

// NewMeter returns a Meter over s.
func NewMeter(s store.Store) *Meter {
	return &Meter{Store: s, units: Units{map[string]float64{}, map[string]float64{}}, items: map[lobby.Key]encoded{}}
}

// item returns the item of a lobby that a store has returned, and so never
// changes.
func (m *Meter) item(l *lobby.Lobby) attributes {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.items[l.Key()]
	if e.of != l {
		e = encoded{l, dynamodb.LobbyItem(l)}
		m.items[l.Key()] = e
	}
	return e.it
}

// Take returns the units since the last call.
func (m *Meter) Take() (u Units) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, m.units = m.units, Units{map[string]float64{}, map[string]float64{}}
	return u
}

type attributes = map[string]types.AttributeValue

// CreateLobby implements store.Store.
func (m *Meter) CreateLobby(ctx context.Context, l lobby.Lobby) error {
	err := m.Store.CreateLobby(ctx, l)
	if err == nil {
		m.wrote(nil, dynamodb.LobbyItem(&l))
	} else {
		m.wrote(nil, nil)
	}
	return err
}

// Lobby implements store.Store.
func (m *Meter) Lobby(ctx context.Context, key lobby.Key) (*lobby.Lobby, error) {
	l, err := m.Store.Lobby(ctx, key)
	if err != nil {
		m.read(nil)
	} else {
		m.read(m.item(l))
	}
	return l, err
}

// SwapLobby implements store.Store.
func (m *Meter) SwapLobby(ctx context.Context, old, new *lobby.Lobby) error {
	err := m.Store.SwapLobby(ctx, old, new)
	before := m.item(old)
	after := before
	if err == nil { // else the failed condition costs what the item's size costs
		after = dynamodb.LobbyItem(new)
	}
	m.wrote(before, after)
	return err
}

// List implements store.Store. In the index each part of a list is read as far
// as the page goes.
func (m *Meter) List(ctx context.Context, game string, o *lobby.Order, after lobby.Position, n int) ([]lobby.Listing, bool, error) {
	all, _, err := m.Store.List(ctx, game, o, after, listParts*n)
	if err != nil {
		return nil, false, err
	}
	bytes := 0
	for _, l := range all {
		bytes += sizeOf(dynamodb.ListingItem(game, l))
	}
	each := math.Ceil(float64(bytes) / listParts / readUnit)
	m.mu.Lock()
	m.units.Reads[o.Name] += listParts * max(each, 1) / 2 // not strongly consistent
	m.mu.Unlock()
	return m.Store.List(ctx, game, o, after, n)
}

// PutConnection implements store.Store.
func (m *Meter) PutConnection(ctx context.Context, c store.Connection) error {
	m.wrote(nil, dynamodb.ConnectionItem(c))
	return m.Store.PutConnection(ctx, c)
}

// Connection implements store.Store.
func (m *Meter) Connection(ctx context.Context, id string) (store.Connection, error) {
	c, err := m.Store.Connection(ctx, id)
	m.read(dynamodb.ConnectionItem(c))
	return c, err
}

// Claim implements store.Store.
func (m *Meter) Claim(ctx context.Context, id string, from, to lobby.Claim) (store.Connection, error) {
	c, err := m.Store.Claim(ctx, id, from, to)
	m.wrote(nil, dynamodb.ConnectionItem(c))
	return c, err
}

// DeleteConnection implements store.Store.
func (m *Meter) DeleteConnection(ctx context.Context, id string) (store.Connection, error) {
	c, err := m.Store.DeleteConnection(ctx, id)
	m.wrote(nil, dynamodb.ConnectionItem(c))
	return c, err
}

// Sizes that a unit is for, and the parts of a list.
const (
	writeUnit = 1024
	readUnit  = 4096
	listParts = 4
)

func (m *Meter) read(it attributes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.units.Reads[""] += unitsOf(it, readUnit)
}

func (m *Meter) wrote(before, after attributes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.units.Writes[""] += max(unitsOf(before, writeUnit), unitsOf(after, writeUnit))
	for _, o := range lobby.Orders {
		m.units.Writes[o.Name] += indexWrites(projected(before, o), projected(after, o), o)
	}
}

// indexWrites returns the units for an index (developer guide, "Using Global
// Secondary Indexes in DynamoDB", "Provisioned throughput considerations"). An
// item whose position changes is deleted, and put where it belongs.
func indexWrites(before, after attributes, o *lobby.Order) float64 {
	switch {
	case before == nil && after == nil, cmp.Equal(before, after, cmpopts.IgnoreUnexported(
		types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberM{}, types.AttributeValueMemberBOOL{})):
		return 0
	case before == nil:
		return unitsOf(after, writeUnit)
	case after == nil:
		return unitsOf(before, writeUnit)
	case position(before, o) != position(after, o):
		return unitsOf(before, writeUnit) + unitsOf(after, writeUnit)
	}
	return max(unitsOf(before, writeUnit), unitsOf(after, writeUnit))
}

func position(it attributes, o *lobby.Order) string {
	return it[o.Name].(*types.AttributeValueMemberS).Value
}

// projected returns what the index o shows of an item; nil if it is not listed.
func projected(it attributes, o *lobby.Order) attributes {
	if it["listed"] == nil || it[o.Name] == nil {
		return nil
	}
	shown := maps.Clone(it)
	maps.DeleteFunc(shown, func(name string, _ types.AttributeValue) bool {
		return name != "pk" && name != "listed" && name != "listing" && name != o.Name
	})
	return shown
}

func unitsOf(it attributes, unit float64) float64 {
	return max(1, math.Ceil(float64(sizeOf(it))/unit))
}

// sizeOf returns the size of an item in bytes (developer guide, "DynamoDB item
// sizes and formats").
func sizeOf(it attributes) (n int) {
	for name, v := range it {
		n += len(name) + valueSize(v)
	}
	return n
}

func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(v.Value)+1)/2 + 1
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + sizeOf(v.Value)
	case *types.AttributeValueMemberL:
		n := 3 + len(v.Value)
		for _, e := range v.Value {
			n += valueSize(e)
		}
		return n
	}
	return 1
}
