package secretredaction

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// pseudonymSecret is that of schemas/redaction-personal.fixture.ts.
const pseudonymSecret = "a secret of the tests, " + "0123456789"

func testPseudonyms() *pseudonyms {
	return &pseudonyms{secret: []byte(pseudonymSecret), keys: map[string][]byte{}}
}

func TestPersonalVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "schemas", "redaction-personal.vectors.json"))
	require.NoError(t, err)
	var list []vector
	require.NoError(t, json.Unmarshal(text, &list))
	require.NotEmpty(t, list)
	r := newGenerated(t)
	s := &scratch{personal: testPseudonyms().of("org_1")}
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			output, _ := r.redact(strings.Join(v.Input, ""), r.newTally(), s)
			require.Equal(t, v.Output, output)
			again, changed := r.redact(output, r.newTally(), s)
			require.Equal(t, output, again)
			require.Equal(t, again != output, changed)
		})
	}
}

func TestIdentities(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pseudonym.key")
	require.NoError(t, os.WriteFile(file, []byte(pseudonymSecret+"\n"), 0o600))
	withFile := func(c *Config) {
		*c = *generated(t)
		c.PseudonymKeyFile = file
		c.CountPrefix = ""
	}
	without := func(c *Config) {
		withFile(c)
		c.PseudonymKeyFile = ""
	}
	header := func(values map[string][]string) context.Context {
		return client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(values)})
	}
	organisation := func(id string) context.Context { return header(map[string][]string{"x-shieldwatch-org-id": {id}}) }
	fill := func(m pcommon.Map) {
		m.PutStr("user.email", "Alice@example.com")
		m.PutStr("user.name", "alice")
		m.PutStr("error.message", "no mail to alice@example.com")
	}
	t.Run("are the organisation's pseudonyms", func(t *testing.T) {
		got := redacted(t, withFile, organisation("org_1"), fill)
		require.Equal(t, map[string]any{
			"user.email":    "[REDACTED:email:0156d48e92becd63]",
			"user.name":     "[REDACTED:login:af3cf03d1c74adaf]",
			"error.message": "no mail to [REDACTED:email:0156d48e92becd63]",
		}, got)
		require.NotEqual(t, got, redacted(t, withFile, organisation("org_2"), fill))
	})
	t.Run("are masked without a file, or without an organisation", func(t *testing.T) {
		want := map[string]any{"user.email": "[REDACTED:email]", "user.name": "[REDACTED:login]", "error.message": "no mail to [REDACTED:email]"}
		require.Equal(t, want, redacted(t, without, organisation("org_1"), fill))
		require.Equal(t, want, redacted(t, withFile, t.Context(), fill))
		require.Equal(t, want, redacted(t, withFile, header(map[string][]string{"x-shieldwatch-org-id": {"org_1", "org_2"}}), fill))
	})
	t.Run("are kept where the header says so, and only that", func(t *testing.T) {
		kept := header(map[string][]string{"x-shieldwatch-org-id": {"org_1"}, "x-shieldwatch-identities": {"keep"}})
		require.Equal(t, map[string]any{"user.email": "Alice@example.com", "user.name": "alice", "error.message": "no mail to alice@example.com"}, redacted(t, withFile, kept, fill))
		other := header(map[string][]string{"x-shieldwatch-org-id": {"org_1"}, "x-shieldwatch-identities": {"replace"}})
		require.Equal(t, "[REDACTED:login:af3cf03d1c74adaf]", redacted(t, withFile, other, fill)["user.name"])
	})
}

func TestPseudonymKeyFile(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(short, []byte("too short"), 0o600))
	_, err := readPseudonyms(short)
	require.EqualError(t, err, "pseudonym_key_file: expected 32 characters or more")
	_, err = readPseudonyms(filepath.Join(t.TempDir(), "none"))
	require.ErrorContains(t, err, "pseudonym_key_file: ")
}
