// Package aliyun sends texts through Alibaba Cloud's SMS service (Dysmsapi
// 2017-05-25) and takes its status reports and patients' replies. Requests are
// signed with ACS3-HMAC-SHA256 by the package's own code, which testdata holds
// to vectors of the service's own SDK.
//
// What it knows is the service: its parameters, error codes and pushes. What a
// text says, when it is sent and what follows from a reply are not its business.
// Nothing personal stands in its errors or log lines; the service's own messages
// are dropped, for they may quote a number.
package aliyun
