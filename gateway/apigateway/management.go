package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// Management returns the API by which programs post to connections (POST), read
// their state (GET) and close them (DELETE), at /STAGE/@connections/ID. API
// Gateway requires a signature with execute-api:ManageConnections. Here it
// needs none, so serve it where only the integration can reach it.
func (g *Gateway) Management() http.Handler { return &management{Gateway: g} }

type management struct {
	*Gateway
	unsigned sync.Once
}

// operations is keyed by method. Each answers the request, or returns one of
// refusals before it has.
var operations = map[string]func(*Gateway, http.ResponseWriter, *http.Request, string) error{
	http.MethodPost:   (*Gateway).postToConnection,
	http.MethodGet:    (*Gateway).getConnection,
	http.MethodDelete: (*Gateway).deleteConnection,
}

var (
	errForbidden   = errors.New("forbidden")
	errUnread      = errors.New("cannot read the body")
	errMalformedID = errors.New("malformed connection id")
)

// refusals are the answers to errors. SDKs recognize errors by the header
// x-amzn-ErrorType, not by the status. By the service's model
// (apigatewaymanagementapi) only PayloadTooLargeException has a message. The
// errors after it are not the service's, but those of API Gateway in front of
// it.
var refusals = []struct {
	err     error
	status  int
	kind    string
	message string // no body if empty
}{
	{ErrGone, http.StatusGone, "GoneException", ""},
	{ErrLimitExceeded, http.StatusTooManyRequests, "LimitExceededException", ""},
	{ErrPayloadTooLarge, http.StatusRequestEntityTooLarge, "PayloadTooLargeException", "The message is over 131072 bytes"},
	{errForbidden, http.StatusForbidden, "ForbiddenException", "Forbidden"},
	{errMalformedID, http.StatusBadRequest, "BadRequestException", "Invalid connectionId"},
	{errUnread, http.StatusBadRequest, "BadRequestException", "The body cannot be read"},
}

// ServeHTTP implements http.Handler.
func (m *management) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-amzn-RequestId", uuid.NewString())
	if r.Header.Get("Authorization") == "" {
		m.unsigned.Do(func() {
			m.Log.Warn("a request to @connections is not signed; API Gateway would refuse it", "method", r.Method)
		})
	}
	id, err := m.target(r)
	if err == nil {
		err = operations[r.Method](m.Gateway, w, r, id)
	}
	if err != nil {
		refuseOperation(w, err)
	}
}

func refuseOperation(w http.ResponseWriter, err error) {
	for _, refusal := range refusals {
		if !errors.Is(err, refusal.err) {
			continue
		}
		w.Header().Set("x-amzn-ErrorType", refusal.kind)
		if refusal.message == "" {
			w.WriteHeader(refusal.status)
		} else {
			writeJSON(w, refusal.status, map[string]string{"message": refusal.message})
		}
		return
	}
	w.WriteHeader(http.StatusInternalServerError)
}

// target returns the id of the connection that a request names. Some clients
// encode the at sign of the path, and most encode the padding of the id.
func (m *management) target(r *http.Request) (id string, err error) {
	parts := strings.Split(r.URL.EscapedPath(), "/")
	for i := range parts {
		// net/http has refused paths that cannot be decoded.
		parts[i], _ = url.PathUnescape(parts[i])
	}
	if len(parts) != 4 || parts[1] != m.Stage || parts[2] != "@connections" || parts[3] == "" || operations[r.Method] == nil {
		return "", errForbidden
	}
	if id = parts[3]; !m.wellFormed(id) {
		return "", errMalformedID
	}
	return id, nil
}

// wellFormed reports whether an id could be a connection's. The ids of
// Config.NewConnectionID can have any form.
func (g *Gateway) wellFormed(id string) bool {
	b, err := base64.URLEncoding.DecodeString(id)
	return g.namesConnections || err == nil && len(b) == 11 && len(id) == 16
}

func (g *Gateway) postToConnection(w http.ResponseWriter, r *http.Request, id string) error {
	if r.ContentLength > MaxMessage {
		return ErrPayloadTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, MaxMessage+1))
	if err != nil {
		return errUnread
	}
	if err := g.Post(r.Context(), id, data); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// awsTime is ISO 8601 with milliseconds, as API Gateway writes it.
const awsTime = "2006-01-02T15:04:05.000Z"

func (g *Gateway) getConnection(w http.ResponseWriter, _ *http.Request, id string) error {
	c := g.find(id)
	if c == nil || c.isEnding() {
		return ErrGone
	}
	is := c.client()
	type identity struct {
		SourceIP  string `json:"sourceIp"`
		UserAgent string `json:"userAgent,omitempty"`
	}
	writeJSON(w, http.StatusOK, struct {
		ConnectedAt  string   `json:"connectedAt"`
		Identity     identity `json:"identity"`
		LastActiveAt string   `json:"lastActiveAt"`
	}{
		is.ConnectedAt.Format(awsTime), identity{is.SourceIP, is.UserAgent}, is.ActiveAt.Format(awsTime),
	})
	return nil
}

func (g *Gateway) deleteConnection(w http.ResponseWriter, _ *http.Request, id string) error {
	if err := g.Disconnect(id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
