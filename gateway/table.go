package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"bellhop/store"
	"bellhop/store/dynamodb"
)

// startTime limits the work before the program serves.
const startTime = 30 * time.Second

// openStore returns the store for lobbies: memory, or a DynamoDB table. At a
// custom endpoint it creates a missing table; in an account, the stack creates
// it.
func openStore(o options) (store.Store, error) {
	if o.table == "" {
		return store.NewMemory(time.Now), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := awsConfig(ctx, o.dynamodb)
	if err != nil {
		return nil, err
	}
	d := dynamodb.New(c, o.dynamodb, o.table, time.Now)
	if o.dynamodb != "" {
		if err := d.CreateTable(ctx); err != nil {
			return nil, fmt.Errorf("cannot make the table %q at %s: %w", o.table, o.dynamodb, err)
		}
	}
	if _, err := d.Connection(ctx, "is anybody there"); !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("cannot use -table %s: %w", o.table, err)
	}
	return d, nil
}

// awsConfig is the account's configuration, as the AWS CLI finds it. A custom
// endpoint needs no account, only any region and any credentials, so then
// nothing else is looked up.
func awsConfig(ctx context.Context, endpoint string) (aws.Config, error) {
	if endpoint == "" {
		return config.LoadDefaultConfig(ctx)
	}
	c, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return c, err
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		})
	}
	return c, nil
}
