package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop/store/dynamodbtest"
)

const (
	theTable       = `{"Fn::GetAtt":["Lobbies","Arn"]}`
	theConnections = `[{"Fn::Sub":"arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${StageName}/POST/@connections/*"},` +
		`{"Fn::Sub":"arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${StageName}/DELETE/@connections/*"}]`
	theIndexes = `[{"Fn::Sub":"${Lobbies.Arn}/index/newest"},{"Fn::Sub":"${Lobbies.Arn}/index/fullest"}]`
	theLog     = `{"Fn::GetAtt":["FunctionLog","Arn"]}`
)

// called returns every IAM action that the deployed function needs, each with
// its one resource. The middleware that counts the store's calls
// (handlers/budget_test.go) sees exactly the actions on DynamoDB.
func called() map[string]string {
	actions := map[string]string{
		"execute-api:ManageConnections": theConnections,
		"logs:CreateLogStream":          theLog, // by Lambda, in the function's name
		"logs:PutLogEvents":             theLog,
	}
	for _, call := range dynamodbtest.ItemCalls() {
		if actions["dynamodb:"+call] = theTable; call == "Query" {
			actions["dynamodb:"+call] = theIndexes
		}
	}
	return actions
}

// A stack is SAM's translation of template.yaml, as CloudFormation reads it.
type stack struct {
	Parameters map[string]struct {
		Description, AllowedPattern string
		AllowedValues               []any
		MinValue, MaxValue          *float64
	}
	Resources map[string]resource
}

type resource struct {
	Type, Condition, DeletionPolicy, UpdateReplacePolicy string
	Properties                                           map[string]any
}

func TestTemplate(t *testing.T) {
	s := translate(t, "AccessLogs=on")
	t.Run("properties", s.testProperties)
	t.Run("routes", s.testRoutes)
	t.Run("role", s.testRole)
	t.Run("parameters", s.testParameters)
	t.Run("table", s.testTable)
	t.Run("watching", s.testWatching)
	t.Run("github", s.testGitHub)
}

func translate(t *testing.T, parameters ...string) (s stack) {
	const python = ".cache/sam/bin/python"
	if _, err := os.Stat(python); err != nil {
		const missing = "template.yaml IS NOT TESTED: there is no SAM translator in .cache/sam; make validate installs it"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	out, err := exec.Command(python, append([]string{"sam/translate.py"}, parameters...)...).Output()
	if err != nil {
		t.Fatalf("SAM does not take template.yaml: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// properties are the settings that the code and the documents rely on, as JSON.
var properties = []struct{ resource, property, want string }{
	{"Api", "ProtocolType", `"WEBSOCKET"`},
	{"Api", "RouteSelectionExpression", `"$request.body.action"`},
	{"ApiStage", "StageName", `{"Ref":"StageName"}`},
	{"ApiStage", "DefaultRouteSettings", `{"ThrottlingBurstLimit":{"Ref":"ThrottlingBurst"},"ThrottlingRateLimit":{"Ref":"ThrottlingRate"}}`},
	{"Function", "Role", `{"Fn::GetAtt":["Role","Arn"]}`},
	{"Function", "Runtime", `"provided.al2023"`},
	{"Function", "Architectures", `[{"Ref":"Architecture"}]`},
	{"Function", "LoggingConfig", `{"LogFormat":"JSON","LogGroup":{"Ref":"FunctionLog"},"SystemLogLevel":"WARN"}`},
	{"FunctionLog", "RetentionInDays", `{"Ref":"LogRetentionDays"}`},
	{"ApiErrors", "MetricName", `"ExecutionError"`}, // IntegrationError counts refused handshakes too
	{"AccessLog", "RetentionInDays", `{"Ref":"LogRetentionDays"}`},
	{"Lobbies", "BillingMode", `"PAY_PER_REQUEST"`},
	{"Lobbies", "TimeToLiveSpecification", `{"AttributeName":"expires_at","Enabled":true}`},
	{"Lobbies", "PointInTimeRecoverySpecification", `null`},
}

func (s stack) testProperties(t *testing.T) {
	for _, p := range properties {
		if diff := cmp.Diff(p.want, asJSON(s.Resources[p.resource].Properties[p.property])); diff != "" {
			t.Errorf("%s.%s (-want +got):\n%s", p.resource, p.property, diff)
		}
	}
	variables := s.Resources["Function"].Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
	for _, name := range []string{"TABLE", "CALLBACK_URL", "RESUME_GRACE", "RESUME_SCHEDULE", "SCHEDULE_ROLE", "SCHEDULE_GROUP", "MESSAGE_RATE", "LOBBY_PACE", "METRICS", "AUTH", "AUTH_SECRET", "AUTH_JWKS", "AUTH_ISSUER", "AUTH_AUDIENCE", "ICE_SERVERS", "TURN_SECRET", "TURN_PROVIDER", "TURN_KEY_ID", "TURN_TOKEN", "DYNAMODB_ENDPOINT"} {
		if _, ok := variables[name]; !ok {
			t.Errorf("Function's environment lacks %s: sam local sets only what the template declares", name)
		}
	}
	for name, r := range s.Resources {
		switch r.Type {
		case "AWS::DynamoDB::Table", "AWS::Logs::LogGroup":
			if r.DeletionPolicy != "Delete" || r.UpdateReplacePolicy != "Delete" {
				t.Errorf("%s outlives the stack", name)
			}
		}
	}
	if got := s.Resources["AccessLog"].Condition; got != "LogsAccess" {
		t.Errorf("AccessLog's condition is %q", got)
	}
}

// testRoutes follows each route to the function, and checks its permission to
// call the function.
func (s stack) testRoutes(t *testing.T) {
	const alias = `{"Ref":"FunctionAliaslive"}`
	permissions := map[string]bool{} // by the end of their SourceArn, which is a route key
	for _, r := range s.ofType("AWS::Lambda::Permission") {
		arn := asJSON(r.Properties["SourceArn"])
		if r.Properties["Principal"] == "apigateway.amazonaws.com" && strings.Contains(arn, "${Api.ApiId}/${__StageName__}/") &&
			asJSON(r.Properties["FunctionName"]) == alias {
			_, end, _ := strings.Cut(arn, "${__StageName__}/")
			key, _, _ := strings.Cut(end, `"`)
			permissions[key] = true
		}
	}
	var keys []string
	for _, r := range s.ofType("AWS::ApiGatewayV2::Route") {
		key := r.Properties["RouteKey"].(string)
		keys = append(keys, key)
		if !permissions[key] {
			t.Errorf("API Gateway may not call the function for %s", key)
		}
		var target struct {
			Join []any `json:"Fn::Join"`
		}
		json.Unmarshal([]byte(asJSON(r.Properties["Target"])), &target)
		id := target.Join[1].([]any)[1].(map[string]any)["Ref"].(string)
		integration := s.Resources[id].Properties
		if uri := asJSON(integration["IntegrationUri"]); integration["IntegrationType"] != "AWS_PROXY" ||
			!strings.Contains(uri, `/invocations",{"FunctionArn":`+alias+`}`) {
			t.Errorf("%s goes to %v %s", key, integration["IntegrationType"], uri)
		}
	}
	slices.Sort(keys)
	if diff := cmp.Diff([]string{"$connect", "$default", "$disconnect"}, keys); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

func (s stack) testRole(t *testing.T) {
	role := s.Resources["Role"].Properties
	if role["ManagedPolicyArns"] != nil || len(s.ofType("AWS::IAM::Policy"))+len(s.ofType("AWS::IAM::ManagedPolicy")) > 0 {
		t.Error("policies elsewhere than in Role")
	}
	policies := role["Policies"].([]any)
	if diff := cmp.Diff(called(), allowedBy(policies[0])); diff != "" || len(policies) != 2 {
		t.Errorf("what the role allows, and on what (-called +allowed):\n%s", diff)
	}
	ifSchedules := policies[1].(map[string]any)["Fn::If"].([]any)
	if diff := cmp.Diff(forSchedules, allowedBy(ifSchedules[1])); diff != "" || ifSchedules[0] != "Schedules" {
		t.Errorf("what the role allows for schedules (-want +got):\n%s", diff)
	}
}

// forSchedules is what the role allows besides with ResumeSchedule=on.
var forSchedules = map[string]string{
	"scheduler:CreateSchedule": `{"Fn::Sub":"arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${ScheduleGroup}/*"}`,
	"iam:PassRole":             `{"Fn::GetAtt":["ScheduleRole","Arn"]}`,
}

// allowedBy returns the actions that a policy allows, each with its resource.
func allowedBy(policy any) map[string]string {
	var p struct {
		PolicyDocument struct{ Statement []map[string]any }
	}
	json.Unmarshal([]byte(asJSON(policy)), &p)
	allowed := map[string]string{}
	for _, statement := range p.PolicyDocument.Statement {
		actions, several := statement["Action"].([]any)
		if !several {
			actions = []any{statement["Action"]}
		}
		for _, action := range actions {
			allowed[fmt.Sprint(action)] += asJSON(statement["Resource"])
		}
	}
	return allowed
}

// testGitHub checks that the role by which GitHub deploys the template names
// every service of the template's resources.
func (s stack) testGitHub(t *testing.T) {
	role, err := os.ReadFile("sam/github.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range s.Resources {
		service := strings.TrimSuffix(strings.ToLower(strings.Split(r.Type, "::")[1]), "v2")
		if !strings.Contains(string(role), service+":") {
			t.Errorf("GitHub cannot deploy %s, %s", name, r.Type)
		}
	}
}

// testTable checks that the deployed table has the keys and indexes of the
// table that a Store creates for itself. All other tests use that one.
func (s stack) testTable(t *testing.T) {
	endpoint, name := dynamodbtest.Start(t), dynamodbtest.Table()
	dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, name, time.Now)
	made, err := dynamodbtest.Client(endpoint).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	type keys struct {
		AttributeDefinitions   []types.AttributeDefinition
		KeySchema              []types.KeySchemaElement
		GlobalSecondaryIndexes []struct {
			IndexName  string
			KeySchema  []types.KeySchemaElement
			Projection types.Projection
		}
	}
	var got, want keys
	json.Unmarshal([]byte(asJSON(s.Resources["Lobbies"].Properties)), &got)
	json.Unmarshal([]byte(asJSON(made.Table)), &want)
	ignore := cmpopts.IgnoreUnexported(types.AttributeDefinition{}, types.KeySchemaElement{}, types.Projection{})
	anyOrder := cmpopts.SortSlices(func(a, b types.AttributeDefinition) bool { return *a.AttributeName < *b.AttributeName })
	if diff := cmp.Diff(want, got, ignore, anyOrder); diff != "" || len(got.GlobalSecondaryIndexes) != 2 {
		t.Errorf("the table (-made +template):\n%s", diff)
	}
}

func (s stack) testParameters(t *testing.T) {
	for name, p := range s.Parameters {
		if p.Description == "" {
			t.Errorf("%s has no description", name)
		}
		if p.AllowedPattern == "" && p.AllowedValues == nil && p.MinValue == nil {
			t.Errorf("%s may be anything", name)
		}
	}
	// claimTTL in package handlers is 15 seconds: no invocation may run longer.
	if m := s.Parameters["Timeout"].MaxValue; m == nil || *m >= 15 {
		t.Error("Timeout may reach claimSettles")
	}
}

func (s stack) ofType(name string) (found []resource) {
	for _, r := range s.Resources {
		if r.Type == name {
			found = append(found, r)
		}
	}
	return found
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
