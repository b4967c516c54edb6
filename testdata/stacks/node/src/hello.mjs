import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";

const { API_ID, AWS_REGION, STAGE } = process.env;
const client = new ApiGatewayManagementApiClient({ endpoint: `https://${API_ID}.execute-api.${AWS_REGION}.amazonaws.com/${STAGE}` });

export async function handler({ requestContext }) {
  await client.send(new PostToConnectionCommand({ ConnectionId: requestContext.connectionId, Data: "hello from Node" }));
  return { statusCode: 200 };
}
