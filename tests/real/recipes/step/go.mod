module statusinator/real/step

go 1.26

require (
	github.com/smallstep/certificates v0.30.2
	github.com/smallstep/cli v0.30.2
)
