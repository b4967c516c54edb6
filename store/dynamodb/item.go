package dynamodb

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/lobby"
	"bellhop/store"
)

// LobbyItem returns the item of a lobby that was written often, for counting
// what its writes cost. See dynamodbtest.Meter.
func LobbyItem(l *lobby.Lobby) map[string]types.AttributeValue {
	it, err := encodeLobby(l)
	if err != nil {
		panic(err) // a Lobby can always be encoded
	}
	return it.complete(lobbyKey(l.Key()))
}

// ConnectionItem is LobbyItem for a connection.
func ConnectionItem(c store.Connection) map[string]types.AttributeValue {
	it, err := encode(&c)
	if err != nil {
		panic(err)
	}
	it.setClaim(c.Claim)
	return it.complete(connectionKey(c.ID))
}

// ListingItem returns what the index of a game's list has of a lobby.
func ListingItem(game string, l lobby.Listing) map[string]types.AttributeValue {
	return item{
		keyName: lobbyKey(lobby.KeyOf(game, l.ID)), listName: listKey(game, 0), "position": text(string(l.Position)),
		listingName: showing(l),
	}
}

func (it item) complete(key types.AttributeValue) item {
	it[keyName] = key
	for len(it.writeIDs()) < maxWrites {
		it.recordWrite(it)
	}
	for name, v := range it {
		if v == nil {
			delete(it, name)
		}
	}
	return it
}
