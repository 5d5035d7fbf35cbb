package secretredaction

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDifferential holds this package to what the TypeScript engine made of generated texts: collector/processors.test.ts
// writes them, and names the file.
func TestDifferential(t *testing.T) {
	path := os.Getenv("SHIELDWATCH_DIFFERENTIAL")
	if path == "" {
		t.Skip("runs as part of collector/processors.test.ts, which writes the texts")
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var cases []struct{ Input, Output, Personal string }
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	r := newGenerated(t)
	tally, s := r.newTally(), &scratch{}
	persons := &scratch{personal: testPseudonyms().of("org_1")}
	differ := 0
	for _, c := range cases {
		output, _ := r.redact(c.Input, tally, s)
		if output != c.Output && differ < 10 {
			differ++
			t.Errorf("input  %q\nGo     %q\nNode   %q", c.Input, output, c.Output)
		}
		personal, _ := r.redact(c.Input, tally, persons)
		if personal != c.Personal && differ < 10 {
			differ++
			t.Errorf("with persons: input  %q\nGo     %q\nNode   %q", c.Input, personal, c.Personal)
		}
	}
}
