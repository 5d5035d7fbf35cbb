package secretredaction

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// generated is the configuration that the collector runs with.
func generated(t testing.TB) *Config {
	t.Helper()
	file, err := confmaptest.LoadConf(filepath.Join("..", "..", "generated", "redaction.yaml"))
	require.NoError(t, err)
	block, err := file.Sub("processors::secretredaction")
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	require.NoError(t, block.Unmarshal(config))
	// The collector reads the environment and makes $ of $$; nothing does here.
	config.AdditionalAllowedKeys = nil
	for i := range config.Rules {
		config.Rules[i].Pattern = strings.ReplaceAll(config.Rules[i].Pattern, "$$", "$")
		config.Rules[i].Except = strings.ReplaceAll(config.Rules[i].Except, "$$", "$")
	}
	require.NoError(t, config.Validate())
	return config
}

// newGenerated is the redactor of that configuration.
func newGenerated(t testing.TB) *redactor {
	t.Helper()
	config := generated(t)
	return newRedactor(config.Rules, config.Vocabulary)
}

type vector struct {
	Name   string
	Input  []string
	Output string
	Counts map[string]int
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "schemas", "redaction.vectors.json"))
	require.NoError(t, err)
	var list []vector
	require.NoError(t, json.Unmarshal(text, &list))
	return list
}

func TestVectors(t *testing.T) {
	config := generated(t)
	r := newRedactor(config.Rules, config.Vocabulary)
	seen := map[string]bool{}
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			tally := r.newTally()
			output, changed := r.redact(strings.Join(v.Input, ""), tally, &scratch{})
			require.Equal(t, v.Output, output)
			require.Equal(t, len(v.Counts) > 0, changed)
			counts := map[string]int{}
			for rule, count := range tally.masked {
				if count > 0 {
					counts[config.Rules[rule].Name] = count
				}
			}
			require.Equal(t, v.Counts, counts)
			seen[v.Name] = true
		})
	}
	for _, rule := range config.Rules {
		if rule.Name == emailKind || rule.Name == loginKind {
			continue // TestPersonalVectors
		}
		require.True(t, seen[rule.Name], "no vector for %s", rule.Name)
	}
}

func TestStockPatternsAreValid(t *testing.T) {
	file, err := confmaptest.LoadConf(filepath.Join("..", "..", "generated", "stock.yaml"))
	require.NoError(t, err)
	patterns, isList := file.Get("processors::redaction::blocked_values").([]any)
	require.True(t, isList)
	for _, pattern := range patterns {
		_, err := regexp.Compile(strings.ReplaceAll(pattern.(string), "$$", "$"))
		require.NoError(t, err)
	}
}

func FuzzRedact(f *testing.F) {
	config := generated(f)
	r := newRedactor(config.Rules, config.Vocabulary)
	for _, v := range vectors(f) {
		f.Add(strings.Join(v.Input, ""), strings.Join(v.Input, ""))
	}
	f.Fuzz(func(t *testing.T, left, right string) {
		text := left + " " + right
		once, _ := r.redact(text, r.newTally(), &scratch{})
		if utf8.ValidString(text) {
			require.True(t, utf8.ValidString(once))
		}
		// What the gates promise.
		if !r.mayChange(text, &scratch{}) {
			require.Equal(t, text, once)
		}
	})
}

func TestKeywordScannerFindsWhatSearchFinds(t *testing.T) {
	keywords := []string{"he", "she", "hers", "his", "sk-", "sk-ant-", "://"}
	s := newKeywordScanner(keywords)
	text := "uSHErs sk-ANT-sk- hHIS ://:// é she"
	found := map[string]int{}
	state := uint32(0)
	for i := 0; i < len(text); i++ {
		move := s.moves[state+s.characters[text[i]]&columnMask]
		state = move & stateMask
		require.Equal(t, move&keywordMove != 0, len(s.found[int(state)/s.width]) > 0)
		for _, keyword := range s.found[int(state)/s.width] {
			found[keywords[keyword]]++
		}
	}
	folded := strings.ToLower(text)
	for _, keyword := range keywords {
		require.Equal(t, strings.Count(folded, keyword), found[keyword], keyword)
	}
}

// spanValues are the 15 attribute values of a typical span of a coding agent.
var spanValues = []string{
	"llm_request", "claude-sonnet-5", "anthropic", "claude-sonnet-5", "interaction", "normal", "repl_main_thread", "3812", "1204", "88",
	"104200", "true", "req_011CFAKE0000FAKE0000", `["tool_use"]`, "0192f3c4-7a6b-7c3d-9e8f-a1b2c3d4e5f6",
}

func BenchmarkCleanSpan(b *testing.B) {
	r := newGenerated(b)
	t, s := r.newTally(), &scratch{}
	b.ReportAllocs()
	for b.Loop() {
		for _, value := range spanValues {
			r.redact(value, t, s)
		}
	}
}

func BenchmarkSecret(b *testing.B) {
	r := newGenerated(b)
	t, s := r.newTally(), &scratch{}
	text := "curl -H 'authorization: Bearer " + "FAKE0000fake0000FAKE' https://example.test"
	b.ReportAllocs()
	for b.Loop() {
		r.redact(text, t, s)
	}
}

// BenchmarkWorst are texts made to be slow; ns/op must grow with their length only.
func BenchmarkWorst(b *testing.B) {
	r := newGenerated(b)
	t, s := r.newTally(), &scratch{}
	for name, piece := range map[string]string{
		"tokens": "token ", "jwt": "-eyJ", "keys": "sk-", "urls": "://a:b", "assigned": "password_", "begin": "-----BEGIN ", "x": "x",
	} {
		for _, size := range []int{128 << 10, 256 << 10} {
			text := strings.Repeat(piece, size/len(piece))
			b.Run(name+"/"+map[int]string{128 << 10: "128k", 256 << 10: "256k"}[size], func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					r.redact(text, t, s)
				}
			})
		}
	}
}

func TestSeenTextsComeToTheSame(t *testing.T) {
	r := newGenerated(t)
	tally, s := r.newTally(), &scratch{}
	for _, text := range []string{"claude_code.llm_request", "ghp" + "_FAKE0000fake0000FAKE0000fake0000FAKE", "curl -u root:hunter2Hunter2 https://x", "a-text-of-no-interest"} {
		first, _ := r.redact(text, tally, s)
		for range 3 {
			again, _ := r.redact(text, tally, s)
			require.Equal(t, first, again)
		}
	}
	require.Equal(t, "a-text-of-no-interest", s.clean.at("a-text-of-no-interest").text)
	require.Nil(t, s.clean.at("short"))
	require.Nil(t, s.clean.at(strings.Repeat("x", longestSeen+1)))
}
