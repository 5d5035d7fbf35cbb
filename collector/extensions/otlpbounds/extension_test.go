package otlpbounds

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/extensiontest"
)

func field(number uint64, content []byte) []byte {
	var out []byte
	for _, n := range []uint64{number<<3 | 2, uint64(len(content))} {
		for ; n > 127; n >>= 7 {
			out = append(out, byte(n)|128)
		}
		out = append(out, byte(n))
	}
	return append(out, content...)
}

func nested(levels int) []byte {
	var value []byte
	for i := 0; i < levels; i++ {
		value = field(5, field(1, value))
	}
	return value
}

// paths lists every way from a request to an AnyValue, as field numbers.
func paths(m, anyValue *message, way []uint64, found *[][]uint64) {
	if m == anyValue {
		*found = append(*found, append([]uint64(nil), way...))
		return
	}
	for number, inner := range m.fields {
		paths(inner, anyValue, append(way, number), found)
	}
}

func TestRefusesWhatIsNestedTooDeepWhereverAValueStands(t *testing.T) {
	anyValue := requests["/v1/logs"].fields[1].fields[2].fields[2].fields[5]
	for path, request := range requests {
		var found [][]uint64
		paths(request, anyValue, nil, &found)
		require.GreaterOrEqual(t, len(found), 3, path)
		for _, way := range found {
			for levels, refused := range map[int]bool{20: false, 60: true, 5000: true} {
				body := nested(levels)
				for i := len(way) - 1; i >= 0; i-- {
					body = field(way[i], body)
				}
				err := (&scan{maxDepth: 100, maxEntries: 1000}).protobuf(body, request, 0)
				assert.Equal(t, refused, err != nil, "%s %v %d", path, way, levels)
			}
		}
	}
}

func TestCountsEntries(t *testing.T) {
	s := &scan{maxDepth: 100, maxEntries: 10}
	assert.NoError(t, s.protobuf(bytes.Repeat([]byte{0x0a, 0}, 9), requests["/v1/traces"], 0))
	s = &scan{maxDepth: 100, maxEntries: 10}
	assert.ErrorContains(t, s.protobuf(bytes.Repeat([]byte{0x0a, 0}, 10), requests["/v1/traces"], 0), "more than 10")
	assert.Equal(t, 3, elements([]byte{1, 0x80, 1, 2}, varint))
	assert.Equal(t, 2, elements(make([]byte, 16), fixed64))
}

func TestMalformed(t *testing.T) {
	for _, body := range [][]byte{{0x0a}, {0x0a, 5, 1}, {0x80}, {0x00}, {0x0b}, {0x09, 1}, {0x0d, 1}, {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}} {
		assert.ErrorIs(t, (&scan{maxDepth: 100, maxEntries: 10}).protobuf(body, requests["/v1/traces"], 0), errMalformed)
	}
}

func TestHandler(t *testing.T) {
	factory := NewFactory()
	extension, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), &Config{MaxDepth: 100, MaxEntries: 1000})
	require.NoError(t, err)
	wrap, err := extension.(*bounds).GetHTTPHandler(context.Background())
	require.NoError(t, err)
	var got []byte
	handler, err := wrap(context.Background(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		buffer := new(bytes.Buffer)
		_, _ = buffer.ReadFrom(r.Body)
		got = buffer.Bytes()
	}))
	require.NoError(t, err)
	post := func(path, contentType, body string) *httptest.ResponseRecorder {
		got = nil
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	assert.Equal(t, 200, post("/v1/traces", jsonType, `{"resourceSpans":[]}`).Code)
	assert.Equal(t, `{"resourceSpans":[]}`, string(got))
	deep := post("/v1/traces", "application/json; charset=utf-8", strings.Repeat("[", 1_000_000))
	assert.Equal(t, 400, deep.Code)
	assert.Equal(t, jsonType, deep.Header().Get("Content-Type"))
	assert.Contains(t, deep.Body.String(), "100 levels")
	assert.Nil(t, got)
	assert.Equal(t, 400, post("/v1/logs/", protobufType, string(bytes.Repeat([]byte{0x0a, 0}, 1000))).Code)
}
