package dynamodb

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/lobby"
)

// CreateTable creates d's table, as template.yaml describes it, if it is
// missing, and waits until it exists. It is for a DynamoDB on this machine. The
// Lambda function never calls it.
func (d *Store) CreateTable(ctx context.Context) error {
	_, err := d.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &d.table,
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String(keyName), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(keyName), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String(listName), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: &lobby.Newest.Name, AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: &lobby.Fullest.Name, AttributeType: types.ScalarAttributeTypeS},
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{indexOf(lobby.Newest), indexOf(lobby.Fullest)},
		BillingMode:            types.BillingModePayPerRequest,
	})
	var exists *types.ResourceInUseException
	if errors.As(err, &exists) {
		return nil
	}
	if err != nil {
		return err
	}
	table := &dynamodb.DescribeTableInput{TableName: &d.table}
	if err := dynamodb.NewTableExistsWaiter(d.client).Wait(ctx, table, time.Minute); err != nil {
		return err
	}
	_, err = d.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &d.table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(expiryName), Enabled: aws.Bool(true)},
	})
	return err
}
