# The gateway in an image that holds nothing else: no shell, no user but nobody, nothing to write to but /state.
#
#   docker build -t bellhop .
#   docker run --rm -p 3000:3000 -v bellhop:/state --read-only --cap-drop ALL --ulimit nofile=100000 bellhop
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.released=$VERSION" -o /bellhop ./gateway && mkdir /state

FROM scratch
# For -table, which talks to AWS by TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /bellhop /bellhop
# The volume belongs to its user.
COPY --from=build --chown=65534:65534 /state /state
VOLUME /state
USER 65534:65534
EXPOSE 3000
# Docker's default of 10 seconds before it kills is enough: clients are told, and waited for, in 7.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/bellhop"]
CMD ["-listen", ":3000", "-state", "/state/lobbies"]
