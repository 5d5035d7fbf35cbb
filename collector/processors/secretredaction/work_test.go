package secretredaction

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWork redacts the text in the file that SHIELDWATCH_WORK names. It runs under go's coverage, which counts how often each
// block of this package runs: collector/processors.test.ts bounds these counts for each byte of the text.
func TestWork(t *testing.T) {
	path := os.Getenv("SHIELDWATCH_WORK")
	if path == "" {
		t.Skip("runs as part of collector/processors.test.ts, which writes the text")
	}
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	var text string
	require.NoError(t, json.Unmarshal(file, &text))
	r := newGenerated(t)
	r.redact(text, r.newTally(), &scratch{personal: testPseudonyms().of("org_1")})
}
