{{- define "vantage.labels" -}}
app.kubernetes.io/name: vantage
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
vantage/track: {{ ternary "canary" "stable" .root.Values.canary.enabled }}
{{- end }}

{{- define "vantage.selector" -}}
app.kubernetes.io/name: vantage
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "vantage.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Variables of a container: plain ones, the addresses of the subgraphs, and references to Secrets. */}}
{{- define "vantage.env" -}}
- name: VANTAGE_CONFIG
  value: /etc/vantage/release/vantage.yaml
# A directory that the process creates, and that is therefore its own.
- name: VANTAGE_DATA
  value: /var/lib/vantage/data
- name: VANTAGE_PUBLIC_URL
  value: {{ .root.Values.publicUrl | quote }}
{{- range $name := keys .root.Values.subgraphs | sortAlpha }}
- name: VANTAGE_SUBGRAPHS__{{ upper $name }}__URL
  value: http://{{ $.root.Release.Name }}-{{ $name }}:4000/graphql
{{- end }}
{{- range $name, $value := .env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $name, $from := merge (dict) .root.Values.secrets (.databaseSecrets | default dict) .secrets }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: { name: {{ $from.name }}, key: {{ $from.key }} }
{{- end }}
{{- end }}

{{- define "vantage.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "vantage.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* The files in /etc/vantage/release. */}}
{{- define "vantage.files" -}}
{{- $config := deepCopy .Values.config }}
{{- if .Values.flags }}{{ $_ := set $config "flags" (merge (dict "file" "/etc/vantage/release/flags.yaml") ($config.flags | default dict)) }}{{ end }}
{{- if .Values.clients }}{{ $_ := set $config "clients" (merge (dict "file" "/etc/vantage/release/clients.yaml") ($config.clients | default dict)) }}{{ end -}}
vantage.yaml: |
  {{- toYaml $config | nindent 2 }}
{{- with .Values.flags }}
flags.yaml: |
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.clients }}
clients.yaml: |
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
