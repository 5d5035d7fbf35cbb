package setaside

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata/request"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
)

// refusing is a store that refuses records whose body begins with "poison", and counts inserts and records.
type refusing struct {
	inserts int
	stored  map[string]int
	err     error
}

func (r *refusing) send(_ context.Context, data plog.Logs) error {
	r.inserts++
	var bodies []string
	for _, resource := range data.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				bodies = append(bodies, record.Body().AsString())
			}
		}
	}
	for _, body := range bodies {
		if strings.HasPrefix(body, "poison") {
			return r.err
		}
	}
	for _, body := range bodies {
		r.stored[body]++
	}
	return nil
}

func newTestSender(t *testing.T, err error) (*sender[plog.Logs], *refusing) {
	t.Helper()
	r := &refusing{stored: map[string]int{}, err: err}
	set := exporter.Settings{TelemetrySettings: component.TelemetrySettings{Logger: zap.NewNop(), MeterProvider: noop.NewMeterProvider()}}
	config := &Config{SetAside: FolderConfig{Directory: filepath.Join(t.TempDir(), "aside"), MaxBytes: 1 << 20, MaxFiles: 3}}
	s, newErr := newSender(set, config, logs, nil, r.send)
	require.NoError(t, newErr)
	require.NoError(t, s.folder.make())
	return s, r
}

func batch(organisation string, bodies ...string) plog.Logs {
	data := plog.NewLogs()
	resource := data.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr(organisationKey, organisation)
	records := resource.ScopeLogs().AppendEmpty().LogRecords()
	for _, body := range bodies {
		records.AppendEmpty().Body().SetStr(body)
	}
	return data
}

func sound(count int) []string {
	bodies := make([]string, count)
	for i := range bodies {
		bodies[i] = fmt.Sprintf("sound %d", i)
	}
	return bodies
}

func aside(t *testing.T, s *sender[plog.Logs]) []plog.Logs {
	t.Helper()
	entries, err := os.ReadDir(s.folder.Directory)
	require.NoError(t, err)
	var all []plog.Logs
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(s.folder.Directory, entry.Name()))
		require.NoError(t, err)
		data, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(content)
		require.NoError(t, err)
		all = append(all, data)
	}
	return all
}

var errContent = errors.New(`logs insert failed: batch sendStreamQuery: [HTTP 500] response body: "Code: 469. DB::Exception: Constraint"`)

func TestFindsTheRefusedRecordsInFewInserts(t *testing.T) {
	s, r := newTestSender(t, errContent)
	bodies := sound(5000)
	bodies[1234] = "poison a"
	bodies[4999] = "poison b"
	require.NoError(t, s.push(t.Context(), batch("org", bodies...)))
	assert.Len(t, r.stored, 4998)
	assert.LessOrEqual(t, r.inserts, 1+2*2*13)
	files := aside(t, s)
	require.Len(t, files, 1)
	assert.Equal(t, 2, files[0].LogRecordCount())
}

func TestAFloodOfRefusedRecordsCostsBoundedInsertsAndNoOtherOrganisationARecord(t *testing.T) {
	s, r := newTestSender(t, errContent)
	flood := make([]string, 5000)
	for i := range flood {
		flood[i] = fmt.Sprintf("poison %d", i)
	}
	data := batch("hostile", flood...)
	batch("other", sound(50)...).ResourceLogs().MoveAndAppendTo(data.ResourceLogs())
	require.NoError(t, s.push(t.Context(), data))
	assert.Len(t, r.stored, 50)
	assert.LessOrEqual(t, r.inserts, 1+2+maxAttempts)
	files := aside(t, s)
	require.Len(t, files, 1)
	assert.Equal(t, 5000, files[0].LogRecordCount())
}

func TestAPanicIsARefusal(t *testing.T) {
	s, r := newTestSender(t, nil)
	s.send = func(ctx context.Context, data plog.Logs) error {
		r.err = errContent
		if err := r.send(ctx, data); err != nil {
			panic(err)
		}
		return nil
	}
	require.NoError(t, s.push(t.Context(), batch("org", "sound", "poison")))
	assert.Equal(t, map[string]int{"sound": 1}, r.stored)
	assert.Len(t, aside(t, s), 1)
}

func TestKeepsRecordsInTheQueueWhileTheFolderIsFull(t *testing.T) {
	s, _ := newTestSender(t, errContent)
	for range 3 {
		require.NoError(t, s.push(t.Context(), batch("org", "poison")))
	}
	require.ErrorIs(t, s.push(t.Context(), batch("org", "poison")), errFolderFull)
	assert.Len(t, aside(t, s), 3)
}

func TestTriesAgainWhatIsNoRefusal(t *testing.T) {
	forged := `[HTTP 400] response body: \"Code: 469. DB::Exception: \"`
	for _, text := range []string{
		`dial tcp 127.0.0.1:8123: connect: connection refused`,
		`logs insert failed: batch sendStreamQuery: [HTTP 500] response body: "Code: 241. DB::Exception: Memory limit exceeded"`,
		`logs insert failed: batch sendStreamQuery: [HTTP 404] response body: "Code: 60. DB::Exception: Unknown table"`,
		`logs insert failed: batch sendStreamQuery: [HTTP 503] response body: "try later"`,
		`logs insert failed: batch sendStreamQuery: [HTTP 500] response body: "Code: 252. DB::Exception: Too many parts: ` + forged,
		`failed to append log row: clickhouse [AppendRow]: (Body) poison: ` + forged,
		forged,
	} {
		s, _ := newTestSender(t, errors.New(text))
		require.EqualError(t, s.push(t.Context(), batch("org", "poison")), text)
		assert.Empty(t, aside(t, s))
	}
	// Another number of columns is a table that was changed, not a value that does not fit.
	assert.Empty(t, reasonOf(fmt.Errorf("row: %w", &proto.BlockError{Op: "Append", Err: errors.New("expected 2 arguments")})))
	assert.Equal(t, "encoding", reasonOf(fmt.Errorf("row: %w", &proto.BlockError{Op: "AppendRow", Err: errors.New("date overflow")})))
}

func TestWritesARequestOfTheQueueWithoutDecodingIt(t *testing.T) {
	s, _ := newTestSender(t, nil)
	item, err := request.MarshalLogs(t.Context(), batch("org", "deadly"))
	require.NoError(t, err)
	require.NoError(t, s.SetAside(t.Context(), item))
	files := aside(t, s)
	require.Len(t, files, 1)
	assert.Equal(t, "deadly", files[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str())
	for _, broken := range [][]byte{nil, {0xff}, {0x1a, 0x7f}} {
		assert.Equal(t, broken, requestOf(broken))
	}
}

func TestDeliversItemsTogetherAndSetsAsideTheUnreadable(t *testing.T) {
	s, r := newTestSender(t, nil)
	one, err := request.MarshalLogs(t.Context(), batch("org", "one"))
	require.NoError(t, err)
	two, err := (&plog.ProtoMarshaler{}).MarshalLogs(batch("org", "two"))
	require.NoError(t, err)
	require.NoError(t, s.Deliver(t.Context(), [][]byte{one, two, {0x0a, 0xff}}))
	assert.Equal(t, map[string]int{"one": 1, "two": 1}, r.stored)
	assert.Equal(t, 1, r.inserts)
	entries, err := os.ReadDir(s.folder.Directory)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Contains(t, entries[0].Name(), "-logs-unreadable-")
}
