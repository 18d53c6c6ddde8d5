{{- define "pavan.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Labels of everything; takes the root and the name of a service. */}}
{{- define "pavan.labels" -}}
{{ include "pavan.selector" . }}
app.kubernetes.io/part-of: pavan
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "pavan.selector" -}}
app.kubernetes.io/name: pavan
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}
{{- end }}

{{- define "pavan.image" -}}
{{ .root.Values.image.repository }}/{{ .service }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* Nothing is root, nothing is written to the image, nothing is called that the program does not need. */}}
{{- define "pavan.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "pavan.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "pavan.kafkaEnv" -}}
- name: KAFKA_BROKERS
  value: {{ .Values.kafka.brokers | quote }}
- name: KAFKA_TLS
  value: {{ .Values.kafka.tls | quote }}
- name: KAFKA_TOPIC_PREFIX
  value: {{ .Values.kafka.topicPrefix | quote }}
- name: PAVAN_PARTITIONS
  value: {{ .Values.partitions | quote }}
{{- with .Values.kafka.sasl }}
- name: KAFKA_SASL
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Where the gateway finds the others: name=http://… for each. */}}
{{- define "pavan.directory" -}}
{{- $root := . -}}
{{- $list := list -}}
{{- range $service := keys .Values.services | sortAlpha -}}
{{- if ne $service "gateway" -}}
{{- $list = append $list (printf "%s=http://%s-%s:8080" $service (include "pavan.name" $root) $service) -}}
{{- end -}}
{{- end -}}
{{ join "," $list }}
{{- end }}
