// Reads everything with go-ldap, page by page, and prints how many entries there were.
//
// Usage: peer URL USER PASSWORD BASE FILTER ATTRIBUTE...
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/go-ldap/ldap/v3"
)

func main() {
	url, user, password, base, filter, attributes := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6:]
	connection, err := ldap.DialURL(url)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	if err := connection.Bind(user, password); err != nil {
		log.Fatal(err)
	}
	read := 0
	paging := ldap.NewControlPaging(1000)
	for {
		request := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter,
			attributes, []ldap.Control{paging})
		result, err := connection.Search(request)
		if err != nil {
			log.Fatal(err)
		}
		for _, entry := range result.Entries {
			if len(entry.Attributes) == len(attributes) {
				read++
			}
		}
		answered := ldap.FindControl(result.Controls, ldap.ControlTypePaging)
		if answered == nil || len(answered.(*ldap.ControlPaging).Cookie) == 0 {
			break
		}
		paging.SetCookie(answered.(*ldap.ControlPaging).Cookie)
	}
	fmt.Println(read)
}
