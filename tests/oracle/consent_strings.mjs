// Consent strings made and read by IAB Tech Lab's own libraries, for candor's decoder to be compared with:
// fixtures/tracking/consent_strings.json.
//
// usage: npm install @iabgpp/cmpapi @iabtcf/core; node consent_strings.mjs > consent_strings.json
//
// Strings are drawn by a small generator with a fixed seed, so that every run writes the same file.
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const { GppModel } = require("@iabgpp/cmpapi");
const { TCString } = require("@iabtcf/core");

let state = 20260105;
const dice = (sides) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * sides);
};
const some = (most, of) => [...Array(of).keys()].map((n) => n + 1).filter(() => dice(most) === 0);

// What @iabtcf/core reads of a TC string, in candor's words.
function tcfFields(string) {
  const model = TCString.decode(string);
  const flags = (vector, least) => {
    const out = {};
    for (let n = 1; n <= 24; n++) if (n <= least || vector.has(n)) out[n] = vector.has(n);
    return out;
  };
  return {
    string,
    created: model.created.toISOString().replace(".000Z", "Z"),
    updated: model.lastUpdated.toISOString().replace(".000Z", "Z"),
    cmp: Number(model.cmpId), cmpVersion: Number(model.cmpVersion), screen: Number(model.consentScreen),
    language: model.consentLanguage, vendorListVersion: Number(model.vendorListVersion),
    policyVersion: Number(model.policyVersion), isServiceSpecific: model.isServiceSpecific,
    purposeOneTreatment: model.purposeOneTreatment, publisherCountry: model.publisherCountryCode,
    vendors: model.vendorConsents.size, vendorsLegitimateInterest: model.vendorLegitimateInterests.size,
    specialFeature: flags(model.specialFeatureOptins, 2),
    purpose: flags(model.purposeConsents, 11),
    legitimateInterest: flags(model.purposeLegitimateInterests, 11),
  };
}

function tcString(round) {
  const model = new GppModel();
  const set = (name, value) => model.setFieldValue("tcfeuv2", name, value);
  const of = (list, width) => [...Array(width).keys()].map((n) => list.includes(n + 1));
  set("CmpId", dice(4096));
  set("CmpVersion", dice(4096));
  set("ConsentScreen", dice(64));
  set("ConsentLanguage", ["EN", "DE", "FR", "GA"][dice(4)]);
  set("VendorListVersion", dice(4096));
  set("PolicyVersion", dice(64));
  set("IsServiceSpecific", true);
  set("SpecialFeatureOptins", of(some(2, 12), 12));
  set("PurposeConsents", of(some(2, 24), 24));
  set("PurposeLegitimateInterests", of(some(2, 24), 24));
  set("PurposeOneTreatment", dice(2) === 0);
  set("PublisherCountryCode", ["IE", "US", "DE"][dice(3)]);
  // Few far apart are written as ranges, many as bits.
  set("VendorConsents", round % 2 ? some(2, 40 + dice(200)) : [2, 5, 6, 7, 700 + dice(60000)]);
  set("VendorLegitimateInterests", round % 3 ? some(4, 30 + dice(100)) : []);
  const at = new Date(Date.UTC(2020 + dice(7), dice(12), 1 + dice(28), 0, 0, 0));
  // Last, because whatever is set sets the times to today; both are the same day by the specification.
  set("Created", at);
  return model.encodeSection("tcfeuv2");
}

// Of each section of a state: the offset of none is written here, the library finds them itself.
const STATES = ["usnat", "usca", "usva", "usco", "usut", "usct", "usfl", "usmt", "usor", "ustx", "usde", "usia",
  "usne", "usnh", "usnj", "ustn", "usmn", "usmd", "usin", "usky", "usri"];
const ANSWERS = [["saleOptOut", "SaleOptOut"], ["sharingOptOut", "SharingOptOut"],
  ["targetedAdvertisingOptOut", "TargetedAdvertisingOptOut"]];

function gppCase() {
  const model = new GppModel();
  const expected = {};
  for (const name of STATES.filter(() => dice(4) === 0)) {
    const own = {};
    for (const [ours, theirs] of ANSWERS) {
      const value = dice(3);
      try {
        model.setFieldValue(name, theirs, value);
        if (value > 0) own[ours] = value === 1;
      } catch { /* not a field of this section */ }
    }
    try {
      const has = dice(2) === 0, gpc = dice(2) === 0;
      model.setFieldValue(name, "GpcSegmentIncluded", has);
      if (has) {
        model.setFieldValue(name, "Gpc", gpc);
        own.gpc = gpc;
      }
    } catch { /* it has none */ }
    if (!model.hasSection(name)) continue;
    expected[name] = own;
  }
  if (dice(3) === 0) {
    const sale = ["Y", "N", "-"][dice(3)];
    model.setFieldValue("uspv1", "OptOutSale", sale);
    expected.uspv1 = sale === "-" ? {} : { saleOptOut: sale === "Y" };
  }
  const string = model.encode();
  // Read again, so that what is written here is what the library says of the string.
  const again = new GppModel(string);
  for (const name of Object.keys(expected)) {
    for (const [ours, theirs] of ANSWERS) {
      if (name === "uspv1" || expected[name][ours] === undefined) continue;
      if ((again.getFieldValue(name, theirs) === 1) !== expected[name][ours]) throw new Error(name + theirs);
    }
  }
  return { string, sections: model.getSectionIds().join(" "), states: expected };
}

const tc = [
  // The examples of the specification and of the libraries' documentation.
  "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA",
  "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA",
  ...[...Array(40).keys()].map(tcString),
];
console.log(JSON.stringify({
  tcf: tc.map(tcfFields),
  gpp: [...Array(60).keys()].map(gppCase),
}, null, 1));
