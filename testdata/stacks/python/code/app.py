import boto3


def handler(event, context):
    where = event["requestContext"]
    if where["routeKey"] == "count":
        return {"statusCode": 200, "body": f"{len(event['body'])} bytes"}
    print("posting as", context.function_name)
    client = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{where['domainName']}/{where['stage']}")
    client.post_to_connection(ConnectionId=where["connectionId"], Data=b"hello from Python")
    return {"statusCode": 200}
