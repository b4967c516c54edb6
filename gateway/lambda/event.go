package lambda

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An event is API Gateway's event for a WebSocket, with its fields in order. It
// leaves out missing fields, for which the type of aws-lambda-go, made for
// reading, would write two dozen empty members.
type event struct {
	Headers                         byName[string]   `json:"headers,omitempty"`
	MultiValueHeaders               byName[[]string] `json:"multiValueHeaders,omitempty"`
	QueryStringParameters           byName[string]   `json:"queryStringParameters,omitempty"`
	MultiValueQueryStringParameters byName[[]string] `json:"multiValueQueryStringParameters,omitempty"`
	StageVariables                  byName[string]   `json:"stageVariables,omitempty"`
	RequestContext                  requestContext   `json:"requestContext"`
	Body                            *string          `json:"body,omitzero"` // of a MESSAGE, even if empty
	IsBase64Encoded                 bool             `json:"isBase64Encoded"`
}

type requestContext struct {
	RouteKey             string   `json:"routeKey"`
	DisconnectStatusCode int64    `json:"disconnectStatusCode,omitzero"`
	MessageID            any      `json:"messageId,omitzero"`
	EventType            string   `json:"eventType"`
	ExtendedRequestID    string   `json:"extendedRequestId"`
	RequestTime          string   `json:"requestTime"`
	MessageDirection     string   `json:"messageDirection"`
	DisconnectReason     *string  `json:"disconnectReason,omitzero"`
	Stage                string   `json:"stage"`
	ConnectedAt          int64    `json:"connectedAt"`      // ms since 1970
	RequestTimeEpoch     int64    `json:"requestTimeEpoch"` // ms since 1970
	Identity             identity `json:"identity"`
	RequestID            string   `json:"requestId"`
	DomainName           string   `json:"domainName"`
	ConnectionID         string   `json:"connectionId"`
	APIID                string   `json:"apiId"`
	Authorizer           any      `json:"authorizer,omitzero"`
}

type identity struct {
	UserAgent string `json:"userAgent,omitzero"`
	SourceIP  string `json:"sourceIp"`
}

// byName is written sorted by name, ignoring case, as AWS writes headers.
type byName[V any] map[string]V

// MarshalJSONTo implements json.MarshalerTo.
func (m byName[V]) MarshalJSONTo(e *jsontext.Encoder) error {
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, name := range slices.SortedFunc(maps.Keys(m), compareFold) {
		if err := e.WriteToken(jsontext.String(name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(e, m[name]); err != nil {
			return err
		}
	}
	return e.WriteToken(jsontext.EndObject)
}

func compareFold(a, b string) int {
	return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
}

// encode returns the event as AWS sends it. JSON cannot hold bytes that are not
// UTF-8: they are replaced.
func encode(e awsevents.APIGatewayWebsocketProxyRequest) ([]byte, error) {
	return json.Marshal(eventOf(e), jsontext.AllowInvalidUTF8(true))
}

// encodeAuthorizer returns the event that an authorizer gets in place of the
// one of $connect (developer guide, "Create an API Gateway Lambda authorizer").
func encodeAuthorizer(e awsevents.APIGatewayWebsocketProxyRequest, arn string) ([]byte, error) {
	out := struct {
		Type      string `json:"type"`
		MethodARN string `json:"methodArn"`
		event
		StageVariables  byName[string] `json:"stageVariables"`
		IsBase64Encoded bool           `json:"isBase64Encoded,omitzero"`
	}{Type: "REQUEST", MethodARN: arn, event: eventOf(e), StageVariables: e.StageVariables}
	out.Headers, out.MultiValueHeaders = maps.Clone(out.Headers), maps.Clone(out.MultiValueHeaders)
	for name, value := range map[string]string{"Connection": "upgrade", "Upgrade": "websocket", "content-length": "0"} {
		out.Headers[name], out.MultiValueHeaders[name] = value, []string{value}
	}
	return json.Marshal(out, jsontext.AllowInvalidUTF8(true))
}

func eventOf(e awsevents.APIGatewayWebsocketProxyRequest) event {
	c := e.RequestContext
	out := event{
		Headers: e.Headers, MultiValueHeaders: e.MultiValueHeaders, QueryStringParameters: e.QueryStringParameters,
		MultiValueQueryStringParameters: e.MultiValueQueryStringParameters, StageVariables: e.StageVariables,
		IsBase64Encoded: e.IsBase64Encoded,
		RequestContext: requestContext{
			RouteKey: c.RouteKey, DisconnectStatusCode: c.DisconnectStatusCode, MessageID: c.MessageID, EventType: c.EventType,
			ExtendedRequestID: c.ExtendedRequestID, RequestTime: c.RequestTime, MessageDirection: c.MessageDirection,
			DisconnectReason: c.DisconnectReason, Stage: c.Stage, ConnectedAt: c.ConnectedAt, RequestTimeEpoch: c.RequestTimeEpoch,
			Identity:  identity{c.Identity.UserAgent, c.Identity.SourceIP},
			RequestID: c.RequestID, DomainName: c.DomainName, ConnectionID: c.ConnectionID, APIID: c.APIID, Authorizer: c.Authorizer,
		},
	}
	if c.EventType == "MESSAGE" {
		out.Body = &e.Body
	}
	return out
}
