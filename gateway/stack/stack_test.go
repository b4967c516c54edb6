package stack

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/apigateway"
)

const sam = `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Name: {Type: String, Default: dev}
  Secret: {Type: String}
  Kept: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a/name}
Conditions:
  IsDev: !Equals [!Ref Name, dev]
  IsProd: !Not [!Condition IsDev]
Mappings: {Sizes: {dev: {size: 7}}}
Globals:
  Function:
    Runtime: provided.al2023
    Timeout: 5
    Environment: {Variables: {LEVEL: info, REGION: !Ref AWS::Region}}
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      StageName: !Sub "${Name}-1"
      StageVariables: {color: blue}
      Routes:
        $connect: {FunctionArn: !GetAtt Gate.Arn}
        sendMessage: {FunctionArn: !Sub "${Talk.Arn}", IntegrationTimeout: 1500, RouteResponseSelectionExpression: $default}
        $default: {FunctionArn: !Ref Talk}
  Answer:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref ApiSendmessageRoute, RouteResponseKey: $default}
  Gate: {Type: AWS::Serverless::Function, Properties: {Timeout: !If [IsProd, 20, 2], InlineCode: def a, Handler: index.a}}
  Unused: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13}}
  Spare: {Type: AWS::Serverless::WebSocketApi, Condition: IsProd}
  Talk:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: talk
      Environment:
        Variables:
          LEVEL: !If [IsProd, warn, debug]
          SIZE: !FindInMap [Sizes, !Ref Name, size]
          TABLE: !Ref Table
          QUEUE: {"Fn::GetAtt": [Queue, Arn]}
          SECRET: !Ref Secret
          KEPT: !Ref Kept
          PLACE: !Join ["/", [a, !Select [1, [x, b]], {Ref: Name}]]
          LITERAL: !Sub ["${!x} ${y}", {y: z}]
          ENDPOINT: !Sub https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Name}
          GONE: !Ref AWS::NoValue
          WSS: !GetAtt Api.ApiEndpoint
          BARE: !Sub ${Api.ApiId}.execute-api.${AWS::Region}.amazonaws.com/${Name}
          IMPORTED: !ImportValue shared
          OTHER: !Ref Unused
          NAMED: !Ref Named
  Named: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub "${Name}-table"}}
`

// TestSAM checks the reading of AWS::Serverless::WebSocketApi, with the globals
// of its functions and the values of intrinsic functions.
func TestSAM(t *testing.T) {
	got, err := parse("template.yaml", []byte(sam), Options{Region: "eu-west-1", Parameters: map[string]string{"shared": "given"}})
	if err != nil {
		t.Fatal(err)
	}
	selection, _ := apigateway.ParseSelection("$request.body.action")
	want := &Stack{
		API: "Api", Host: "local.execute-api.eu-west-1.amazonaws.com", Selection: selection, Stage: "dev-1", StageVariables: map[string]string{"color": "blue"},
		Routes: map[string]Route{
			"$connect":    {Function: "Gate"},
			"sendMessage": {Function: "Talk", Timeout: 1500 * time.Millisecond, Answers: true},
			"$default":    {Function: "Talk"},
		},
		Functions: map[string]*Function{
			"Gate": {ID: "Gate", Runtime: "provided.al2023", Handler: "index.a", Inline: "def a", Timeout: 2 * time.Second, At: "template.yaml:30",
				Environment: map[string]string{"LEVEL": "info", "REGION": "eu-west-1"}, Unknown: map[string]string{}},
			"Talk": {ID: "Talk", Runtime: "provided.al2023", Folder: "talk", Timeout: 5 * time.Second, At: "template.yaml:33",
				Environment: map[string]string{
					"LEVEL": "debug", "REGION": "eu-west-1", "SIZE": "7", "PLACE": "a/b/dev", "LITERAL": "${x} z",
					"ENDPOINT": "https://local.execute-api.eu-west-1.amazonaws.com/dev",
					"WSS":      "wss://local.execute-api.eu-west-1.amazonaws.com", "BARE": "local.execute-api.eu-west-1.amazonaws.com/dev",
					"IMPORTED": "given", "OTHER": "Unused", "NAMED": "dev-table",
				},
				Unknown: map[string]string{"TABLE": "!Ref Table", "QUEUE": "!GetAtt [...]", "SECRET": "!Ref Secret", "KEPT": "!Ref Kept"}},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b apigateway.Selection) bool { return reflect.DeepEqual(a, b) })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err = parse("template.yaml", []byte(sam), Options{API: "Api", Stage: "live", Parameters: map[string]string{"Name": "prod", "Secret": "s"}})
	if err != nil || got.Stage != "live" || got.Functions["Gate"].Timeout != 20*time.Second || got.Functions["Talk"].Environment["SECRET"] != "s" {
		t.Errorf("with other parameters: %+v, %v", got, err)
	}
}

const raw = `{"Resources": {
 "Http": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "HTTP"}},
 "HttpRoute": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Http"}, "RouteKey": "GET /"}},
 "Socket": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET",
   "RouteSelectionExpression": "${request.body.service}/${request.body.action}"}},
 "Enter": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Socket"}, "RouteKey": "$connect",
   "AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Guard"}, "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "ToGate"}]]}}},
 "Join": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Socket"}, "RouteKey": "lobby/join",
   "AuthorizationType": "NONE", "RouteResponseSelectionExpression": "$default", "Target": {"Fn::Sub": "integrations/${ToTalk}"}}},
 "Ping": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Socket"}, "RouteKey": "ping",
   "Target": {"Fn::Sub": "integrations/${Nobody}"}}},
 "Far": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Socket"}, "RouteKey": "far",
   "Target": {"Fn::Sub": "integrations/${Web}"}}},
 "Guard": {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": {"ApiId": {"Ref": "Socket"}, "AuthorizerType": "REQUEST", "IdentitySource": ["route.request.header.Auth"], "AuthorizerUri": {"Fn::GetAtt": ["Gate", "Arn"]}}},
 "ToGate": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {"ApiId": {"Ref": "Socket"}, "IntegrationType": "AWS_PROXY",
   "IntegrationUri": {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Gate.Arn}/invocations"}}},
 "ToTalk": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {"ApiId": {"Ref": "Socket"}, "IntegrationType": "AWS_PROXY",
   "TimeoutInMillis": 900, "IntegrationUri": {"Fn::Join": ["", ["arn:aws:apigateway:x:lambda:path/2015-03-31/functions/", {"Ref": "Live"}, "/invocations"]]}}},
 "Nobody": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {"ApiId": {"Ref": "Socket"}, "IntegrationType": "MOCK"}},
 "Web": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {"ApiId": {"Ref": "Socket"}, "IntegrationType": "HTTP"}},
 "Answer": {"Type": "AWS::ApiGatewayV2::RouteResponse", "Properties": {"ApiId": {"Ref": "Socket"}, "RouteId": {"Ref": "Join"}, "RouteResponseKey": "$default"}},
 "Silent": {"Type": "AWS::ApiGatewayV2::RouteResponse", "Properties": {"ApiId": {"Ref": "Socket"}, "RouteId": {"Ref": "Ping"}, "RouteResponseKey": "$default"}},
 "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Socket"}, "StageName": "prod", "StageVariables": {"a": "b"}}},
 "Second": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Socket"}, "StageName": "beta"}},
 "Gate": {"Type": "AWS::Lambda::Function", "Metadata": {"aws:asset:path": "asset.1"}, "Properties": {"Runtime": "nodejs22.x", "Code": {"S3Key": "1.zip"}}},
 "Talk": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "talk", "Layers": ["x"]}},
 "Live": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Talk"}}}
}}`

// TestCloudFormation checks the reading of AWS::ApiGatewayV2 next to an HTTP
// API, and that nothing is ignored silently.
func TestCloudFormation(t *testing.T) {
	got, err := parse("template.json", []byte(raw), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]Route{
		"$connect":   {Function: "Gate"},
		"lobby/join": {Function: "Talk", Timeout: 900 * time.Millisecond, Answers: true},
		"ping":       {Mock: true, Answers: true},
		"far":        {},
	}, got.Routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if got.API != "Socket" || got.Stage != "prod" || got.StageVariables["a"] != "b" || got.Functions["Gate"].Runtime != "nodejs22.x" || got.Functions["Gate"].Folder != "asset.1" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(&Authorizer{"Gate", []string{"route.request.header.Auth"}, "arn:aws:execute-api:us-east-1:123456789012:local/prod/$connect"}, got.Authorizer); diff != "" {
		t.Errorf("authorizer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"template.json:19: Nobody is a mock: what comes by route ping is answered 200, without its templates",
		"template.json:20: Web is of type HTTP, and only AWS_PROXY to a function is done here; what comes by route far fails",
		"template.json:24: Second is a further stage, which is not served; -stage beta serves it instead",
		"template.json:26: Talk has Layers, which only sam local brings along",
	}, got.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestOwnership checks by which values of ApiId a part belongs to the API, and
// that a part whose API is not known is named.
func TestOwnership(t *testing.T) {
	const parts = `Resources:
  F: {Type: AWS::Lambda::Function}
  Http: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP}}
  A: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}}
  I: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: API, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn}}
  R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: r, Target: !Sub "integrations/${I}"}}
  S: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: API, RouteKey: s, Target: !Sub "integrations/${I}"}}
  T: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: API, StageName: live}}
`
	noStage := []string{"t.yaml:4: A has no stage whose name is known; it is local here, unless -stage says otherwise"}
	unknown := "has the ApiId %s, whose value only a deployed stack has; it is left out, unless -parameter gives that value as local"
	for _, test := range []struct {
		api      string
		own      bool
		warnings []string
	}{
		{"!Ref A", true, nil},
		{"!GetAtt A.ApiId", true, nil},
		{"!GetAtt [A, ApiId]", true, nil},
		{`{"Fn::GetAtt": [A, ApiId]}`, true, nil},
		{`!Sub "${A}"`, true, nil},
		{`!Sub "${A.ApiId}"`, true, nil},
		{`!Sub ["${a}", {a: !GetAtt A.ApiId}]`, true, nil},
		{`!Join ["", [!GetAtt A.ApiId]]`, true, nil},
		{"!ImportValue given", true, nil},
		{"!Ref Http", false, noStage},
		{"!GetAtt Http.ApiId", false, noStage},
		{`!Sub "${Http.ApiId}"`, false, noStage},
		{"!ImportValue other", false, []string{noStage[0], "t.yaml:7: S " + strings.Replace(unknown, "%s", "!ImportValue other", 1),
			"t.yaml:8: T " + strings.Replace(unknown, "%s", "!ImportValue other", 1)}},
	} {
		s, err := parse("t.yaml", []byte(strings.ReplaceAll(parts, "API", test.api)), Options{Parameters: map[string]string{"given": APIID}})
		if err != nil {
			t.Fatalf("%s: %v", test.api, err)
		}
		if _, got := s.Routes["s"]; got != test.own || (s.Stage == "live") != test.own {
			t.Errorf("%s: routes %v, stage %s", test.api, s.Routes, s.Stage)
		}
		if diff := cmp.Diff(test.warnings, s.Warnings); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", test.api, diff)
		}
	}
}

// TestBellhop checks the reading of Bellhop's own template, and its warnings.
func TestBellhop(t *testing.T) {
	s, err := Read("../../template.yaml", Options{Parameters: map[string]string{"AccessLogs": "on"}})
	if err != nil {
		t.Fatal(err)
	}
	f := s.Functions["Function"]
	if len(s.Routes) != 3 || s.Stage != "live" || f == nil || f.Timeout != 10*time.Second || f.Environment["RESUME_GRACE"] != "60" || f.Environment["TABLE"] != "Lobbies" {
		t.Errorf("%+v\n%+v", s, f)
	}
	said := strings.Join(s.Warnings, "\n")
	if !strings.Contains(said, "DefaultRouteSettings") || !strings.Contains(said, ": RouteSettings") || !strings.Contains(said, "AccessLogSettings") || len(s.Warnings) != 3 {
		t.Errorf("warnings:\n%s", said)
	}
}

// TestMistakes checks that each mistake in a template gets an error with its
// line and advice.
func TestMistakes(t *testing.T) {
	const head = "Resources:\n  F: {Type: AWS::Serverless::Function}\n  A:\n    Type: AWS::Serverless::WebSocketApi\n    Properties:\n"
	for _, test := range []struct{ template, want string }{
		{"", "t.yaml is no template: it must have Resources"},
		{"- a", "t.yaml is no template"},
		{"a: [", "t.yaml is not YAML: yaml: line 1"},
		{"Resources: {}", "t.yaml has no WebSocket API: neither"},
		{"Resources:\n  A: {}", "t.yaml:2: resource A has no Type"},
		{head + "      Routes: {a: {FunctionArn: !GetAtt F.Arn}}", "t.yaml:3: A has no RouteSelectionExpression"},
		{head + "      RouteSelectionExpression: $request.header.x", "t.yaml:6: $request.header.x of the route selection expression"},
		{head + "      RouteSelectionExpression: $request.body.a", "t.yaml:3: A has no routes"},
		{head + "      RouteSelectionExpression: $request.body.a\n      Routes: {a: {}}", "t.yaml:7: route a must lead to a function of this template, as by !GetAtt"},
		{"Resources:\n  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: api/child.yaml}}\n  Other: {Type: AWS::Serverless::Application, Properties: {Location: ./more.yaml}}",
			"ProtocolType WEBSOCKET; nested stacks are templates of their own: -template api/child.yaml or -template more.yaml"},
		{head + "      RouteSelectionExpression: $request.body.a\n      Routes: {a: {FunctionArn: !Ref F, IntegrationTimeout: 30000}}", "t.yaml:7: 30000 is not a time from 50 to 29000"},
		{head + "      RouteSelectionExpression: $request.body.a\n      Routes: {a: {FunctionArn: !Ref F}}\n  B: {Type: AWS::Serverless::WebSocketApi}", "t.yaml:8: B is a second WebSocket API beside A; say which is meant: -api A"},
		{strings.Replace(head, "Function}", "Function, Properties: {Timeout: !Ref T}}", 1) + "      RouteSelectionExpression: $request.body.a\n      Routes: {a: {FunctionArn: !Ref F}}", "t.yaml:2: Timeout of F is not a number of seconds"},
		{"Resources: &r {A: {Type: !Join [*r, [*r, *r]]}}", "resource A has no Type"},
		{"Ref: A", "t.yaml refers to itself too often"},
		{"Conditions: {A: !Condition B, B: !Condition A}\nResources: {X: {Type: Y, Condition: A}}", "t.yaml refers to itself too often"},
	} {
		_, err := parse("t.yaml", []byte(test.template), Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\nis answered %v\nwant %s", test.template, err, test.want)
		}
	}
	if _, err := Read("no/such.yaml", Options{}); err == nil || !strings.Contains(err.Error(), "-template needs the file") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := parse("t.yaml", []byte(sam), Options{API: "Talk"}); err == nil || !strings.Contains(err.Error(), "-api takes the logical id of one") {
		t.Errorf("an API that is not there: %v", err)
	}
}

// TestWarnings checks that the unsupported features of SAM are named.
func TestWarnings(t *testing.T) {
	template := strings.Replace(sam, "      StageVariables:", "      Auth: {AuthType: AWS_IAM}\n      Novelty: yes\n      Domain: {DomainName: a}\n      StageVariables:", 1)
	template = strings.Replace(template, "$connect: {", "far: {FunctionArn: !ImportValue far-function}\n        $connect: {ApiKeyRequired: true, RouteResponseSelectionExpression: $default, ", 1)
	// What a template asks for in vain is named; what it leaves as it is, is not.
	template = strings.Replace(template, "sendMessage: {", "sendMessage: {ApiKeyRequired: false, ", 1)
	template = strings.Replace(template, "      Novelty:", "      ApiKeySelectionExpression: $request.header.x-api-key\n      DisableExecuteApiEndpoint: false\n      Novelty:", 1)
	s, err := parse("t.yaml", []byte(template), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Routes["$connect"].Answers {
		t.Error("a route without a RouteResponse answers")
	}
	for _, want := range []string{
		":22: Auth of Api: everybody is let in", ":25: Novelty of Api: it is not known here and has no effect", ":26: Domain of Api: clients connect",
		":29: route far leads to !ImportValue far-function, which is no function of this template; what comes by it fails",
		":30: ApiKeyRequired of route $connect: no key is asked for",
		":30: route $connect has a RouteResponseSelectionExpression, but nothing is sent back, as on AWS, until there is an AWS::ApiGatewayV2::RouteResponse for ApiConnectRoute",
	} {
		if !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no warning says %s\n%s", want, strings.Join(s.Warnings, "\n"))
		}
	}
	if len(s.Warnings) != 6 {
		t.Errorf("warnings:\n%s", strings.Join(s.Warnings, "\n"))
	}
}

// FuzzParse checks that no file makes the reader panic or run forever.
func FuzzParse(f *testing.F) {
	own, err := os.ReadFile("../../template.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{sam, raw, string(own), "Resources: &r {A: {Type: !Join [*r, [*r, *r]]}}", "a: &a {Fn::If: [c, *a, *a]}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := parse("t.yaml", data, Options{}); err == nil && len(s.Routes) == 0 {
			t.Error("a stack without routes")
		}
	})
}
