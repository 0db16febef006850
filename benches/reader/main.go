// What one would write in an afternoon to count the collector's file: lines, encoding/json into structs, the reference's
// table 9.4 as code. It stands for readers of its kind in `make bench-logs`, and prints what `statusinator logs count --json`
// prints, so that the two can be compared.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

type value struct {
	String *string  `json:"stringValue"`
	Int    *string  `json:"intValue"`
	Double *float64 `json:"doubleValue"`
	Bool   *bool    `json:"boolValue"`
	Array  *struct {
		Values []value `json:"values"`
	} `json:"arrayValue"`
	Map *struct {
		Values []pair `json:"values"`
	} `json:"kvlistValue"`
}

type pair struct {
	Key   string `json:"key"`
	Value value  `json:"value"`
}

type record struct {
	Time       string `json:"timeUnixNano"`
	Observed   string `json:"observedTimeUnixNano"`
	Number     int    `json:"severityNumber"`
	Severity   string `json:"severityText"`
	Body       value  `json:"body"`
	Attributes []pair `json:"attributes"`
}

type line struct {
	ResourceLogs []struct {
		Resource struct {
			Attributes []pair `json:"attributes"`
		} `json:"resource"`
		ScopeLogs []struct {
			LogRecords []record `json:"logRecords"`
		} `json:"scopeLogs"`
	} `json:"resourceLogs"`
}

func (v value) scalar() string {
	switch {
	case v.String != nil && *v.String != "":
		return *v.String
	case v.Int != nil && *v.Int != "":
		return *v.Int
	case v.Double != nil && *v.Double != 0:
		return strconv.FormatFloat(*v.Double, 'f', 6, 64)
	case v.Bool != nil && *v.Bool:
		return "true"
	}
	return ""
}

func (v value) message() string {
	if text := v.scalar(); text != "" {
		return text
	}
	var parts []string
	switch {
	case v.Map != nil:
		for _, p := range v.Map.Values {
			if p.Key == "message" {
				return p.Value.scalar()
			}
		}
		for _, p := range v.Map.Values {
			if text := p.Value.scalar(); text != "" {
				parts = append(parts, p.Key+"="+text)
			}
		}
	case v.Array != nil:
		for _, item := range v.Array.Values {
			if text := item.scalar(); text != "" {
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(parts, " ")
}

type stats struct {
	NumMessages            uint64
	NumEmergencyMessages   uint64
	NumAlertMessages       uint64
	NumCriticalMessages    uint64
	NumErrorMessages       uint64
	NumWarnMessages        uint64
	NumNoticeMessages      uint64
	NumInfoMessages        uint64
	NumDebugMessages       uint64
	NumDHCPDiscover        uint64
	NumDHCPLeased          uint64
	NumDNSQueries          uint64
	NumDNSLocal            uint64
	NumDNSRecursions       uint64
	NumDNSCached           uint64
	NumCertChecks          uint64
	NumCertOK              uint64
	NumCertSigned          uint64
	NumCertRenewed         uint64
	NumFirewallWanInDrops  uint64
	NumFirewallWanOutDrops uint64
	NumFirewallWanDrops    uint64
	NumFirewallLanInDrops  uint64
	NumFirewallLanOutDrops uint64
	NumFirewallLanDrops    uint64
	NumPhysicalPXEBoots    uint64
	NumVirtualPXEBoots     uint64
	DHCPServed             map[string]uint64
	ChainServed            map[string]uint64
	IPXEServed             map[string]uint64
	AssetsServed           map[string]uint64
}

type tally struct {
	Lines       uint64 `json:"lines"`
	Blank       uint64 `json:"blank_lines"`
	Unparsed    uint64 `json:"unparsed_lines"`
	Records     uint64 `json:"records"`
	Interesting uint64 `json:"interesting"`
	LogStats    stats
}

func (s *stats) level(word string) {
	s.NumMessages++
	switch strings.ToLower(word) {
	case "emergency", "fatal":
		s.NumEmergencyMessages++
	case "alert":
		s.NumAlertMessages++
	case "critical", "crit":
		s.NumCriticalMessages++
	case "error", "err":
		s.NumErrorMessages++
	case "warning", "warn":
		s.NumWarnMessages++
	case "notice":
		s.NumNoticeMessages++
	case "debug":
		s.NumDebugMessages++
	default:
		s.NumInfoMessages++
	}
}

func (s *stats) chain(node, service, message string) bool {
	has, starts := strings.Contains, strings.HasPrefix
	switch {
	case service == "dnsmasq.service" || service == "dnsmasq":
		switch {
		case starts(message, "dnsmasq-dhcp:") && has(message, "DHCPDISCOVER"):
			s.NumDHCPDiscover++
		case starts(message, "dnsmasq-dhcp:") && has(message, "DHCPOFFER"):
			s.NumDHCPLeased++
			if fields := strings.Fields(message); len(fields) > 3 {
				s.DHCPServed[fields[3]]++
			}
		case starts(message, "query"):
			s.NumDNSQueries++
		case starts(message, "dnsmasq: config"):
			s.NumDNSLocal++
		case starts(message, "forwarded"):
			s.NumDNSRecursions++
		case starts(message, "cached"):
			s.NumDNSCached++
		default:
			return false
		}
	case node == "wally" && service == "kernel":
		switch {
		case has(message, "drop wan in"):
			s.NumFirewallWanInDrops++
			s.NumFirewallWanDrops++
		case has(message, "drop wan out"):
			s.NumFirewallWanOutDrops++
			s.NumFirewallWanDrops++
		case has(message, "drop lan in"):
			s.NumFirewallLanInDrops++
			s.NumFirewallLanDrops++
		case has(message, "drop lan out"):
			s.NumFirewallLanOutDrops++
			s.NumFirewallLanDrops++
		default:
			return false
		}
	case starts(message, "Starting cert-renewer"):
		s.NumCertChecks++
	case message == "certificate does not need renewal":
		s.NumCertOK++
	case service == "step-ca.service" && has(message, "path=/sign") && has(message, "status=201"):
		s.NumCertSigned++
	case service == "step-ca.service" && has(message, "path=/renew") && has(message, "status=201"):
		s.NumCertRenewed++
	default:
		return false
	}
	return true
}

func (s *stats) fetched(uri, remote string) bool {
	switch {
	case uri == "/chain-boot.ipxe":
		s.ChainServed[remote]++
	case strings.Contains(uri, "/nodes-ipxe/lab/16"):
		s.NumPhysicalPXEBoots++
		s.IPXEServed[remote]++
	case strings.Contains(uri, "/nodes-ipxe/lab/de"):
		s.NumVirtualPXEBoots++
		s.IPXEServed[remote]++
	case strings.Contains(uri, "/assets/"):
		s.AssetsServed[remote]++
	default:
		return false
	}
	return true
}

func find(pairs []pair, key string) (string, bool) {
	for _, p := range pairs {
		if p.Key == key {
			return p.Value.scalar(), true
		}
	}
	return "", false
}

func (t *tally) read(text []byte) {
	t.Lines++
	if len(bytes.TrimSpace(text)) == 0 {
		t.Blank++
		return
	}
	var l line
	if json.Unmarshal(text, &l) != nil {
		t.Unparsed++
		return
	}
	for _, resource := range l.ResourceLogs {
		node, _ := find(resource.Resource.Attributes, "host.name")
		service, _ := find(resource.Resource.Attributes, "service.name")
		for _, scope := range resource.ScopeLogs {
			for _, r := range scope.LogRecords {
				t.Records++
				t.LogStats.level(r.Severity)
				counted := t.LogStats.chain(node, service, r.Body.message())
				if uri, ok := find(r.Attributes, "uri"); ok && service == "apache2" {
					remote, _ := find(r.Attributes, "remote")
					counted = t.LogStats.fetched(uri, remote) || counted
				}
				if counted {
					t.Interesting++
				}
			}
		}
	}
}

func run(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var t tally
	t.LogStats.DHCPServed, t.LogStats.ChainServed = map[string]uint64{}, map[string]uint64{}
	t.LogStats.IPXEServed, t.LogStats.AssetsServed = map[string]uint64{}, map[string]uint64{}
	reader := bufio.NewReaderSize(file, 256<<10)
	for {
		text, err := reader.ReadBytes('\n')
		if len(text) > 0 {
			t.read(text)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(t)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "reader FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		os.Exit(1)
	}
}
