package secretredaction

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

// TestCost answers deploy/bench/redaction: on a line `time <name>` of standard input the CPU time that the texts of that
// name take, in microseconds, or that the processor takes for requests of spans; on `find <name>` in which of them
// something was found. The bench names the file of both.
func TestCost(t *testing.T) {
	path := os.Getenv("SHIELDWATCH_COST")
	if path == "" {
		t.Skip("runs as part of npm run bench -- redaction, which writes the texts")
	}
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	var work struct {
		Texts map[string][]string
		// Requests of spans, as protobuf.
		Spans [][]byte
	}
	require.NoError(t, json.Unmarshal(file, &work))
	r := newGenerated(t)
	tally, s := r.newTally(), &scratch{}
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		verb, name, _ := strings.Cut(in.Text(), " ")
		if verb == "time" && name == "spans" {
			require.NoError(t, out.Encode(costOfSpans(t, work.Spans)))
			continue
		}
		found := make([]bool, len(work.Texts[name]))
		runtime.GC()
		before := cpuMicroseconds(t)
		for i, text := range work.Texts[name] {
			_, found[i] = r.redact(text, tally, s)
		}
		if verb == "time" {
			require.NoError(t, out.Encode(cpuMicroseconds(t)-before))
		} else {
			require.NoError(t, out.Encode(found))
		}
	}
}

// costOfSpans is the CPU time of the whole processor, keys and pseudonyms included, for requests that have been read.
func costOfSpans(t *testing.T, requests [][]byte) int64 {
	config, factory := generated(t), NewFactory()
	config.PseudonymKeyFile = filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(config.PseudonymKeyFile, []byte(strings.Repeat("k", 32)), 0o600))
	ctx := client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(map[string][]string{config.OrganisationHeader: {"org_1"}})})
	p, err := factory.CreateTraces(ctx, processortest.NewNopSettings(factory.Type()), config, consumertest.NewNop())
	require.NoError(t, err)
	read := make([]ptrace.Traces, len(requests))
	for i, request := range requests {
		read[i], err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
		require.NoError(t, err)
	}
	runtime.GC()
	before := cpuMicroseconds(t)
	for _, td := range read {
		require.NoError(t, p.ConsumeTraces(ctx, td))
	}
	return cpuMicroseconds(t) - before
}

func cpuMicroseconds(t *testing.T) int64 {
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}
