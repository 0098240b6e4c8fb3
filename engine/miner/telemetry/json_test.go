package telemetry

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"stele/engine/miner"
)

const schemaFile = "../../../docs/mine-status.schema.json"

var update = flag.Bool("update", false, "write the schema file anew")

// schema returns the JSON Schema of Document. The types that it consists of are in the
// registry, under #/$defs/.
func schema() (huma.Registry, *huma.Schema) {
	r := huma.NewMapRegistry("#/$defs/", huma.DefaultSchemaNamer)
	return r, huma.SchemaFromType(r, reflect.TypeFor[Document]())
}

// The schema in docs is that of the type, and the output matches it.
func TestSchema(t *testing.T) {
	r, root := schema()
	text, err := json.MarshalIndent(map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         "https://stele.invalid/mine-status.schema.json",
		"title":       "Status of a miner, as GET /status of stele mine reports it",
		"$ref":        "#/$defs/Document",
		"$defs":       withRoot(r, root),
		"description": "Times are RFC 3339 in UTC. Rates are in hashes per second. Counts are since the start. New fields may come; any other change raises schema_version.",
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	// What is not in the schema may be there in a later version.
	text = append(bytes.ReplaceAll(text, []byte(`"additionalProperties": false`), []byte(`"additionalProperties": true`)), '\n')
	if *update {
		if err := os.WriteFile(schemaFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s is not the schema of Document; run the test with -update", schemaFile)
	}
	for name, s := range map[string]miner.Status{"full": someStatus(), "empty": {State: miner.Waiting}} {
		if errs := check(t, s); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
	if errs := check(t, miner.Status{State: "asleep"}); len(errs) == 0 {
		t.Error("a state that does not exist passes")
	}
}

func withRoot(r huma.Registry, root *huma.Schema) map[string]*huma.Schema {
	all := map[string]*huma.Schema{}
	for name, s := range r.Map() {
		all[name] = s
	}
	all["Document"] = root
	return all
}

func check(t *testing.T, s miner.Status) []error {
	t.Helper()
	text, err := JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	r, root := schema()
	var result huma.ValidateResult
	huma.Validate(r, root, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &result)
	return result.Errors
}

func TestJSON(t *testing.T) {
	text, err := JSON(someStatus())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"schema_version":1,`,
		`"now":"2026-03-04T04:06:07Z"`,
		`"hashes_per_second_1m":1200000000`,
		`"hashes_per_joule":5000000`, // 1 GH/s at 720 kJ in an hour
		`"power_watts":200`,
		`"best_difficulty":"1000000000000"`,
		`"share_difficulty":"512.25"`,
		`"rejected":{"duplicate":1,"invalid":0,"lost":5,"low-difficulty":0,"stale":3,"unauthorized":0}`,
		`"p99_seconds":0.09`,
		`"temperature_celsius":null`,
		`"error":"no route"`,
		`"user":"acct.rig|1"`,
		`"user":"other"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestPrometheus(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(Collector(someStatus))
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	want := `
# HELP stele_miner_device_fan_speed_ratio The speed of the fan, as a ratio of its maximum.
# TYPE stele_miner_device_fan_speed_ratio gauge
stele_miner_device_fan_speed_ratio{device="cuda:0"} 0.4
# HELP stele_miner_device_hashes_total Finished nonces.
# TYPE stele_miner_device_hashes_total counter
stele_miner_device_hashes_total{device="cpu"} 0
stele_miner_device_hashes_total{device="cuda:0"} 3.6e+12
# HELP stele_miner_source_info 1; the label user has who is credited at the source.
# TYPE stele_miner_source_info gauge
stele_miner_source_info{source="stratum+ssl://b.example:3334",user="other"} 1
stele_miner_source_info{source="stratum+tcp://a.example:3333",user="acct.rig|1"} 1
# HELP stele_miner_source_answer_seconds The time from a share to its answer.
# TYPE stele_miner_source_answer_seconds gauge
stele_miner_source_answer_seconds{source="stratum+tcp://a.example:3333",stat="max"} 1
stele_miner_source_answer_seconds{source="stratum+tcp://a.example:3333",stat="p50"} 0.02
stele_miner_source_answer_seconds{source="stratum+tcp://a.example:3333",stat="p99"} 0.09
`
	err := testutil.GatherAndCompare(r, strings.NewReader(want),
		"stele_miner_device_fan_speed_ratio", "stele_miner_device_hashes_total", "stele_miner_source_info", "stele_miner_source_answer_seconds")
	if err != nil {
		t.Error(err)
	}
}

func TestHive(t *testing.T) {
	got, err := Hive(someStatus())
	want := `{"khs":1200000,"stats":{"hs":[1200000,0],"hs_units":"khs","temp":[65,0],"fan":[40,0],"uptime":3600,"ver":"v1.2.3","ar":[120,4],"algo":"sha256d","user":"acct.rig|1","bus_numbers":[101,null]}}`
	if err != nil || string(got) != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
}

// The CPU is first, and no device is on a bus that is not known.
func TestMMPOS(t *testing.T) {
	s := someStatus()
	lost := s.Devices[0]
	lost.Info.PCI = ""
	s.Devices = append(s.Devices, lost)
	got, err := MMPOS(s)
	want := `{"busid":["cpu",101],"hash":[0,1200000000],"units":"hs","air":["120","4","4"],"miner_name":"stele","miner_version":"v1.2.3"}`
	if err != nil || string(got) != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	got, err = MMPOS(miner.Status{})
	want = `{"busid":[],"hash":[],"units":"hs","air":["0","0","0"],"miner_name":"stele","miner_version":""}`
	if err != nil || string(got) != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
}

func TestEfficiency(t *testing.T) {
	gpu := someStatus().Devices[0]
	gpu.Sensors = &miner.Sensors{Power: ptr(300)}
	if x, ok := Efficiency(gpu); !ok || x != 4e6 { // 1.2 GH/s at 300 W
		t.Errorf("%v %v", x, ok)
	}
	gpu.Sensors = &miner.Sensors{Power: ptr(0)}
	if _, ok := Efficiency(gpu); ok {
		t.Error("no power, and an efficiency")
	}
}

// A height that is not known is in no metric and no field as a number.
func TestHeightUnknown(t *testing.T) {
	s := someStatus()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(Collector(func() miner.Status { return s }))
	for _, height := range []uint32{900_000, 0} {
		s.Work.Height = height
		want := 0
		if height != 0 {
			want = 1
		}
		if n, err := testutil.GatherAndCount(r, "stele_miner_work_height"); err != nil || n != want {
			t.Errorf("height %d: %d metrics, %v", height, n, err)
		}
		if coin := string(answerCgminer(s, []byte("coin"))); strings.Contains(coin, "Current Block Height") != (want == 1) {
			t.Errorf("height %d: %s", height, coin)
		}
	}
}
