// Package otlpbounds is an HTTP middleware that refuses OTLP requests that would crash the collector: nested so deep
// that a parser's stack overflows, or with so many entries that memory does not suffice. It inspects the bytes before
// they are parsed.
package otlpbounds // import "shieldwatch.dev/collector/extensions/otlpbounds"

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	jsonType     = "application/json"
	protobufType = "application/x-protobuf"
)

// Config is what a user writes under `otlp_bounds`. Generated from schemas/otlp-bounds.ts.
type Config struct {
	// MaxDepth is the maximum nesting of messages; the request itself is level 0.
	MaxDepth int `mapstructure:"max_depth"`
	// MaxEntries is the maximum number of messages and elements of numeric lists.
	MaxEntries int `mapstructure:"max_entries"`
}

// Validate names the invalid key and what was expected.
func (c *Config) Validate() error {
	if c.MaxDepth < 1 || c.MaxEntries < 1 {
		return errors.New("max_depth and max_entries: expected numbers above 0")
	}
	return nil
}

// NewFactory creates the extension's factory.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		component.MustNewType("otlp_bounds"),
		func() component.Config { return &Config{} },
		func(_ context.Context, _ extension.Settings, config component.Config) (extension.Extension, error) {
			return &bounds{config: *config.(*Config)}, nil
		},
		component.StabilityLevelBeta,
	)
}

type bounds struct {
	component.StartFunc
	component.ShutdownFunc
	config Config
}

var _ extensionmiddleware.HTTPServer = (*bounds)(nil)

// GetHTTPHandler wraps the receiver's handler; the body is decompressed and limited by max_request_body_size.
func (b *bounds) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if err == nil {
				err = b.check(r, body)
			}
			if err != nil {
				refuse(w, r, err)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

func (b *bounds) check(r *http.Request, body []byte) error {
	s := &scan{maxDepth: b.config.MaxDepth, maxEntries: b.config.MaxEntries}
	request, ok := requests[strings.TrimSuffix(r.URL.Path, "/")]
	if !ok {
		// Not one of the receiver's paths; the receiver refuses it.
		return nil
	}
	if contentType(r) == jsonType {
		return s.json(body)
	}
	return s.protobuf(body, request, 0)
}

func contentType(r *http.Request) string {
	name, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return name
}

// refuse responds as the receiver does: 400 with a google.rpc.Status in the request's content type.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := &spb.Status{Code: int32(codes.InvalidArgument), Message: err.Error()}
	answerType := protobufType
	marshal := func() ([]byte, error) { return proto.Marshal(status) }
	if contentType(r) == jsonType {
		answerType = jsonType
		marshal = func() ([]byte, error) { return protojson.Marshal(status) }
	}
	body, _ := marshal()
	w.Header().Set("Content-Type", answerType)
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(body)
}
