/* Calls Meridian's service with the C client that gSOAP generates from its WSDL. Arguments: endpoint, version, user,
 * password. Each line of standard input is one call:
 *   score REFERENCE MESSAGE-ID JOINT AMOUNT CURRENCY PRICE MONTHS AGE MARITAL INCOME PROVEN OUTGOINGS ASSETS RESIDENCE
 *         KIND YEARS RECORDS          MESSAGE-ID and INCOME may be "-": none, nil
 *   fetch REFERENCE
 * What came of it is printed as lines of path, tab and value, then an empty line. */
#include "soapH.h"
#include "CreditDecisionSoap.nsmap"

static void say(const char *path, const char *value) {
    if (value) printf("%s\t%s\n", path, value);
}

static void tell(struct ns2__Decision *d) {
    say("Number", d->Number);
    say("Reference", d->Reference);
    say("Code", soap_ns2__DecisionCode2s(NULL, d->Code));
    say("Score", d->Score);
    say("ScoreRange.low", d->ScoreRange.low);
    say("ScoreRange.high", d->ScoreRange.high);
    say("Probability", d->Probability);
    for (int i = 0; i < d->__sizeReferCause; i++) say("ReferCause[]", d->ReferCause[i]);
    for (int i = 0; d->Reasons && i < d->Reasons->__sizeReason; i++) {
        say("Reasons.Reason[].Code", d->Reasons->Reason[i].Code);
        say("Reasons.Reason[].Text", d->Reasons->Reason[i].Text);
    }
    for (int i = 0; i < d->__sizeEstimated; i++) {
        say("Estimated[].Field", d->Estimated[i].Field);
        say("Estimated[].State", d->Estimated[i].State);
        say("Estimated[].Low", d->Estimated[i].Low);
        say("Estimated[].High", d->Estimated[i].High);
    }
    say("Mode", d->Mode);
}

/* The fault as gSOAP reads it: the declared one is a struct of its own. */
static void tell_fault(struct soap *soap) {
    struct SOAP_ENV__Detail *detail = soap->fault ? soap->fault->detail : NULL;
    if (soap->fault && soap->fault->SOAP_ENV__Detail) detail = soap->fault->SOAP_ENV__Detail;
    const char *text = soap_fault_string(soap);
    say("fault", text ? text : "");
    struct _ns1__ApplicationFault *declared = detail ? detail->ns1__ApplicationFault : NULL;
    if (!declared) {
        say("detail", detail ? detail->__any : NULL);
        return;
    }
    say("detail.ApplicationFault.Code", declared->Code);
    say("detail.ApplicationFault.Message", declared->Message);
    for (int i = 0; i < declared->__sizeProblem; i++) {
        say("detail.ApplicationFault.Problem[].Code", declared->Problem[i].Code);
        say("detail.ApplicationFault.Problem[].Path", declared->Problem[i].Path);
    }
}

static char *next(void) { return strtok(NULL, " \n"); }

static int score(struct soap *soap, const char *endpoint, struct ns1__DecisionResponse *found) {
    struct _ns1__ScoreApplication asked;
    struct ns2__Loan loan;
    struct ns2__Amount amount;
    struct ns2__Person person;
    struct _ns2__Person_Residence home;
    enum ns2__MaritalCode marital;
    enum ns2__YesNo records;
    enum xsd__boolean proven;
    short age;
    xsd__byte years;
    soap_default__ns1__ScoreApplication(soap, &asked);
    soap_default_ns2__Loan(soap, &loan);
    soap_default_ns2__Person(soap, &person);
    asked.Application.Reference = next();
    soap->header->wsa5__MessageID = next();
    if (!strcmp(soap->header->wsa5__MessageID, "-")) soap->header = NULL;
    if (!strcmp(next(), "yes")) asked.CoApplicant = &person;
    asked.Loan = &loan, asked.Applicant = &person;
    loan.Amount = &amount;
    amount.__item = next(), amount.currency = next();
    loan.PurchasePrice = next(), loan.TermMonths = atoi(next());
    age = atoi(next()), person.Age = &age;
    soap_s2ns2__MaritalCode(soap, next(), &marital), person.MaritalStatus = &marital;
    person.Income.Annual = next();
    if (!strcmp(person.Income.Annual, "-")) person.Income.Annual = NULL;
    soap_s2xsd__boolean(soap, next(), &proven), person.Income.proven = &proven;
    person.MonthlyOutgoings = next(), person.Assets = next();
    soap_s2ns2__ResidenceCode(soap, next(), &home.status), person.Residence = &home;
    person.__union_Person = SOAP_UNION__ns2__union_Person_Employment;
    soap_s2ns2__EmploymentCode(soap, next(), &person.union_Person.Employment.Kind);
    years = atoi(next()), person.union_Person.Employment.Years = &years;
    soap_s2ns2__YesNo(soap, next(), &records), person.AdverseRecords = &records;
    return soap_call___ns1__ScoreApplication(soap, endpoint, NULL, &asked, found);
}

static int fetch(struct soap *soap, const char *endpoint, struct ns1__DecisionResponse *found) {
    struct _ns1__FetchDecision asked;
    soap->header = NULL;
    asked.Reference = next();
    return soap_call___ns1__FetchDecision(soap, endpoint, NULL, &asked, found);
}

int main(int count, char **given) {
    char line[1000];
    if (count != 5) return 2;
    while (fgets(line, sizeof line, stdin)) {
        struct soap *soap = soap_new1(SOAP_XML_INDENT);
        struct SOAP_ENV__Header header;
        struct ns1__DecisionResponse found;
        soap_default_SOAP_ENV__Header(soap, &header);
        soap_set_version(soap, strcmp(given[2], "1.2") ? 1 : 2);
        soap->header = &header, soap->userid = given[3], soap->passwd = given[4];
        char *what = strtok(line, " \n");
        if (strcmp(what, "fetch") ? score(soap, given[1], &found) : fetch(soap, given[1], &found)) tell_fault(soap);
        else tell(found.Decision);
        if (soap->header && soap->header->wsa5__RelatesTo) say("RelatesTo", soap->header->wsa5__RelatesTo->__item);
        puts("");
        soap_destroy(soap), soap_end(soap), soap_free(soap);
    }
    return 0;
}
